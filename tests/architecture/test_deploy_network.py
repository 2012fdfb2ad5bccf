"""Who may talk to whom in the cluster is who talks to whom in the code (SEC16)."""

import json
import re
from pathlib import Path
from typing import Any

from deploy.layout import GATEWAY, PACKAGES, SERVICES
from deploy.local.home import PROJECT
from gateway.routes import ROUTES
from tests.architecture.manifests import HTTP_PORT, literals_of, settings_class, settings_of, source

CALL = re.compile(r"services\s*\.call\(\s*\"(\w+)\"")
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"


def calls_in(folder: Path) -> set[str]:
    return {callee for path in folder.rglob("*.py") for callee in CALL.findall(path.read_text())}


def calls_of_the_code() -> dict[str, set[str]]:
    """Each caller with those it calls; those who call nobody are left out."""
    calls = {GATEWAY: {route.service for route in ROUTES} - {GATEWAY} | calls_in(PROJECT / "gateway")}
    for service in SERVICES:
        clients = PROJECT / "services" / service / "clients"
        if clients.exists():
            calls[service] = {path.stem for path in clients.glob("[!_]*.py")}
    return calls


def policies(path: str) -> dict[str, dict[str, Any]]:
    return {policy["metadata"]["name"]: policy["spec"] for policy in source(f"base/network/{path}.yaml")}


def named(peers: list[dict[str, Any]]) -> set[str]:
    return {peer["podSelector"]["matchLabels"][NAME] for peer in peers}


def test_services_call_others_from_their_clients_only() -> None:
    calls = calls_of_the_code()
    for service in SERVICES:
        folder = PROJECT / "services" / service
        assert calls_in(folder) == calls_in(folder / "clients") == calls.get(service, set())


def test_an_app_lets_in_its_callers_and_a_caller_gets_out_to_its_callees() -> None:
    calls = calls_of_the_code()
    rules = policies("calls")
    let_in = {
        name.removeprefix("callers-of-"): named(rule["ingress"][0]["from"])
        for name, rule in rules.items()
        if name.startswith("callers-of-")
    }
    let_out = {
        name.removeprefix("calls-of-"): named(rule["egress"][0]["to"])
        for name, rule in rules.items()
        if name.startswith("calls-of-")
    }
    assert let_out == calls
    assert let_in == {
        service: {caller for caller, callees in calls.items() if service in callees} for service in SERVICES
    }
    for name, rule in rules.items():
        direction, peers = ("egress", "to") if name.startswith("calls-of-") else ("ingress", "from")
        assert rule["policyTypes"] == [direction.capitalize()]
        (entry,) = rule[direction]
        assert entry["ports"] == [{"protocol": "TCP", "port": HTTP_PORT}]
        if direction == "egress":
            assert rule["podSelector"]["matchLabels"] == {NAME: name.removeprefix("calls-of-")}
            assert {peer["podSelector"]["matchLabels"][COMPONENT] for peer in entry[peers]} == {"app"}
        else:
            assert rule["podSelector"]["matchLabels"] == {
                NAME: name.rpartition("-of-")[2],
                COMPONENT: "app",
            }
    assert rules.keys() == {
        "clients-of-gateway",
        *(f"callers-of-{name}" for name in let_in),
        *(f"calls-of-{name}" for name in let_out),
    }


def test_a_service_is_told_the_addresses_of_those_it_calls_and_of_no_others() -> None:
    told = {
        name: set(json.loads(settings_of(name).get(f"{name.upper()}_SERVICE_URLS", "{}")))
        for name in PACKAGES
    }
    assert {name: callees for name, callees in told.items() if callees} == calls_of_the_code()


def test_only_services_with_a_wechat_account_reach_the_proxy_and_only_it_gets_out() -> None:
    with_an_account = {name for name in PACKAGES if "wechat_appid" in settings_class(name).model_fields}
    rules = policies("wechat")
    (chosen,) = rules["to-wechat-egress"]["podSelector"]["matchExpressions"]
    (let_in,) = rules["wechat-egress"]["ingress"][0]["from"][0]["podSelector"]["matchExpressions"]
    assert chosen == let_in
    assert set(chosen["values"]) == with_an_account
    ports = [8081, 8082, 8083]
    assert [port["port"] for port in rules["to-wechat-egress"]["egress"][0]["ports"]] == ports
    assert [port["port"] for port in rules["wechat-egress"]["ingress"][0]["ports"]] == ports
    reached = {value for name in PACKAGES for value in literals_of(name).values() if "wechat-egress" in value}
    assert reached == {f"http://wechat-egress:{port}" for port in ports}
    outside = [
        name
        for path in ("calls", "postgres", "rabbitmq", "wechat", "default-deny")
        for name, rule in policies(path).items()
        for entry in rule.get("egress", [])
        for peer in entry.get("to", [])
        if "ipBlock" in peer
    ]
    assert outside == ["wechat-egress"]


def test_the_proxy_knows_wechats_hosts_as_the_settings_do() -> None:
    conf = (PROJECT / "deploy/k8s/base/wechat-egress/nginx.conf").read_text()
    assert set(re.findall(r"server (\S+):443 resolve;", conf)) == {
        "api.weixin.qq.com",
        "api.mch.weixin.qq.com",
        "api2.mch.weixin.qq.com",
    }
    listening = dict(re.findall(r"listen (\d+);.*?proxy_set_header Host (\S+);", conf, re.DOTALL))
    settings = {
        name: settings_class(service).model_fields[name.partition("_")[2].lower()].default
        for service in ("member", "order", "payment")
        for name in literals_of(service)
        if "_WECHAT_" in name
    }
    assert settings
    for service in ("member", "order", "payment"):
        for name, value in literals_of(service).items():
            assert name not in settings or settings[name] == f"https://{listening[value.rpartition(':')[2]]}"


def test_everything_is_denied_by_default() -> None:
    assert policies("default-deny")["default-deny"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
