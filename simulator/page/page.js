"use strict";

const PAYMENT_STATES = {
  SUCCESS: ["已支付", "good"],
  REFUND: ["有退款", "wait"],
  CLOSED: ["已关闭", ""],
};
const REFUND_STATES = {
  PROCESSING: ["处理中", "wait"],
  SUCCESS: ["已退款", "good"],
  ABNORMAL: ["异常", "bad"],
  CLOSED: ["已关闭", ""],
};
const NOTICE_STATES = {
  PENDING: ["等待送达", "wait"],
  DELIVERED: ["已送达", "good"],
  LOST: ["丢失", "bad"],
  GIVEN_UP: ["已放弃", "bad"],
};
const EVENTS = {
  "TRANSACTION.SUCCESS": "支付成功",
  "REFUND.SUCCESS": "退款成功",
  "REFUND.ABNORMAL": "退款异常",
  "REFUND.CLOSED": "退款关闭",
};
const VARIANTS = {
  good: "", copy: "重复", forge: "伪造签名", probe: "探测", replay: "重放", alter: "篡改",
  wrong_serial: "错误序列号", missing_signature: "无签名", foreign_apiv3_key: "错误密钥",
};
const OUTCOMES = { pay: "支付成功", decline: "已取消支付", late: "超时后支付成功" };

const shown = {};
const at = (id) => document.getElementById(id);
const yuan = (fen) => (fen / 100).toLocaleString("zh-CN", { minimumFractionDigits: 2 });
const hour = (time) => (time ? time.slice(11, 19) : "");

/** An element with text or children; text is never taken for markup. */
function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content.filter((part) => part !== null && part !== ""));
  return made;
}

function tag([words, mood]) {
  return element("span", `tag ${mood}`, words);
}

function button(words, className, doing) {
  const made = element("button", className, words);
  made.addEventListener("click", async () => {
    made.parentElement.querySelectorAll("button").forEach((one) => { one.disabled = true; });
    await doing();
    shown.open = undefined;
    await refresh();
  });
  return made;
}

async function press(number, what) {
  const late = what === "late";
  const path = { pay: "confirm", decline: "decline", late: "pay" }[what];
  const response = await fetch(`_control/payments/${encodeURIComponent(number)}/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: late ? '{"late":true}' : "{}",
  });
  const answer = await response.json();
  if (response.ok) toast(OUTCOMES[what], "");
  else toast(answer.errMsg || answer.message, "bad");
}

let toastTimer;
function toast(words, mood) {
  const box = at("toast");
  box.textContent = words;
  box.className = mood;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { box.hidden = true; }, 2600);
}

function ticket(order) {
  const number = order.out_trade_no;
  const amount = element("div", "amount", element("small", "", "¥"), yuan(order.total_fen));
  const facts = element(
    "div", "facts",
    element("span", "", `买家 ${order.nickname || order.openid.slice(0, 8)}`),
    element("span", "", `单号 ${number}`),
    element("span", "", order.expired ? "已过支付时间" : `截止 ${order.expires_at.slice(5, 16).replace("T", " ")}`),
    order.declined_at ? element("span", "", `${hour(order.declined_at)} 取消过`) : "",
  );
  const pay = button("支付", "pay", () => press(number, "pay"));
  const late = button("超时后支付", "", () => press(number, "late"));
  pay.disabled = order.expired;
  late.title = "收银台在过期前已经打开，过期后才确认支付";
  const buttons = element(
    "div", "buttons", pay, button("拒绝支付", "no", () => press(number, "decline")), late,
  );
  return element("article", "card ticket", element("div", "what", order.description), amount, facts, buttons);
}

function payment(order) {
  const when = order.paid_at ? `支付 ${hour(order.paid_at)}` : `关闭 ${hour(order.closed_at)}`;
  const coupon = order.paid_at && order.payer_total_fen < order.total_fen
    ? ` · 实付 ¥${yuan(order.payer_total_fen)}` : "";
  return element(
    "div", "row",
    element(
      "div", "",
      element("div", "title", order.description),
      element("div", "quiet", `${order.out_trade_no} · ${when}${coupon}`),
    ),
    element("span", "sum", `¥${yuan(order.total_fen)}`),
    tag(PAYMENT_STATES[order.trade_state]),
  );
}

function refund(row) {
  return element(
    "div", "row",
    element(
      "div", "",
      element("div", "title", row.reason || "退款"),
      element("div", "quiet", `${row.out_refund_no} · ${hour(row.created_at)}`),
    ),
    element("span", "sum", `¥${yuan(row.refund_fen)}`),
    tag(REFUND_STATES[row.status]),
  );
}

function notice(row) {
  const tries = row.attempts.map((attempt) => {
    const accepted = attempt.status === 200 || attempt.status === 204;
    const variant = VARIANTS[attempt.what] ?? attempt.what;
    const words = [hour(attempt.at), attempt.status ?? "无应答", variant].filter(Boolean).join(" ");
    const made = element("span", accepted ? "ok" : "no", words);
    made.title = attempt.answer;
    return made;
  });
  const next = row.next_attempt_at && row.attempts.length ? `下次 ${row.next_attempt_at.slice(5, 19).replace("T", " ")}` : "";
  return element(
    "div", "row",
    element(
      "div", "",
      element("div", "title", EVENTS[row.event_type] || row.event_type),
      element("div", "quiet", [row.out_refund_no || row.out_trade_no, next].filter(Boolean).join(" · ")),
      tries.length ? element("div", "tries", ...tries) : "",
    ),
    tag(NOTICE_STATES[row.state]),
  );
}

function total(words, value) {
  return element("div", "", element("b", "", value), element("span", "", words));
}

/** Redraw a part only when its data changed, so that buttons and selections stay. */
function draw(id, rows, make, empty) {
  const text = JSON.stringify(rows);
  if (shown[id] === text) return;
  shown[id] = text;
  at(id).replaceChildren(...(rows.length ? rows.map(make) : [element("div", "empty", empty)]));
}

async function refresh() {
  try {
    const response = await fetch("_control/overview");
    const view = await response.json();
    document.body.classList.remove("offline");
    at("merchant").textContent = `商户号 ${view.mchid} · ${view.appid}`;
    at("clock").querySelector("time").textContent = view.now.slice(0, 19).replace("T", " ");
    at("open-count").textContent = view.totals.open_payments || "";
    const totals = [
      ["已收款", `¥${yuan(view.totals.paid_fen)}`],
      ["支付笔数", String(view.totals.payments)],
      ["已退款", `¥${yuan(view.totals.refunded_fen)}`],
      ["待送达通知", String(view.totals.pending_notices)],
      ["已发货订单", String(view.totals.shipped_orders)],
    ];
    draw("totals", totals, ([words, value]) => total(words, value), "");
    draw("open", view.open, ticket, "没有待支付的订单。在商城里下单，这里就会出现收银台。");
    draw("payments", view.payments, payment, "还没有交易");
    draw("refunds", view.refunds, refund, "还没有退款");
    draw("notices", view.notices, notice, "还没有通知");
  } catch {
    document.body.classList.add("offline");
    at("merchant").textContent = "模拟器没有应答";
  }
}

async function live() {
  if (!document.hidden) await refresh();
  setTimeout(live, 1000);
}
live();
