"""A picture of what a unit of work costs by size."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure


def draw(curves: Mapping[str, Mapping[int, float]], path: Path) -> None:
    """CPU ms a unit against the number of orders or products, each work in proportion to its smallest size, as PNG."""
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        sizes = sorted(curve)
        least = curve[sizes[0]]
        axes.plot(sizes, [curve[size] / least for size in sizes], "o-", label=f"{name} ({least:.2g} ms)")
    axes.set(xscale="log", xlabel="orders, or products", ylabel="CPU of a unit, to that of the smallest size")
    axes.set_ylim(bottom=0)
    axes.axhline(1.1, linestyle=":", color="grey", label="1.1 ×")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")
    axes.set_title("What growth costs")
    figure.savefig(path)
