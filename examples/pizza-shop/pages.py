"""The web application's pages, as HTML. What customers have written is escaped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

from data import MENU, Status
from stores import Kept

STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
nav { display: flex; gap: 1rem; align-items: center; border-bottom: 1px solid #ccc; padding-bottom: .5rem }
nav form { margin-left: auto }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .3rem .6rem }
tr + tr { border-top: 1px solid #ddd }
fieldset { border: 0; padding: 0; margin: 1rem 0 }
legend { font-weight: 600 }
button { padding: .4rem 1rem }
pre { background: #f4f4f4; padding: 1rem; min-height: 20rem; overflow: auto }
.steps { display: flex; gap: .5rem; list-style: none; padding: 0 }
.steps li { padding: .3rem .8rem; background: #eee; border-radius: 1rem }
.steps li.done { background: #2a7d4f; color: #fff }"""
LABELS = {
    Status.STUCK: "Stuck: we are looking into it", Status.PLACED: "Ordered", Status.ASSEMBLED: "Assembled",
    Status.BAKED: "Baked", Status.DELIVERY_PENDING: "Waiting for somebody to deliver it", Status.DELIVERED: "Delivered",
}  # fmt: skip
STEPS = (Status.PLACED, Status.ASSEMBLED, Status.BAKED, Status.DELIVERED)
STATUS_SCRIPT = """<script>
async function look() {
  const told = await (await fetch(location.pathname + "/status")).json();
  document.getElementById("label").textContent = told.label;
  for (const step of document.querySelectorAll(".steps li"))
    step.className = Number(step.dataset.status) <= told.reached ? "done" : "";
  if (told.status !== 999) setTimeout(look, 2000);
}
look();
</script>"""
LOGS_SCRIPT = """<script>
async function look() {
  const lines = await (await fetch("/logs/lines")).json();
  document.querySelector("pre").textContent = lines.join("\\n");
  setTimeout(look, 1000);
}
look();
</script>"""


def page(title: str, body: str, customer: str | None = None) -> str:
    links = (
        '<nav><a href="/">Menu</a><a href="/orders">My orders</a><a href="/logs">Logs</a>'
        f'<form method="post" action="/logout">{escape(customer)} <button>Log out</button></form></nav>'
        if customer is not None else ""
    )  # fmt: skip
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{links}<h1>{escape(title)}</h1>{body}</body></html>"
    )


def login(problem: str = "") -> str:
    return page("Pizza shop", f"""<p>{escape(problem)}</p><form method="post" action="/login">
        <label>Your name <input name="username" required maxlength="40" autofocus></label>
        <button>Log in</button></form>""")  # fmt: skip


def menu(customer: str, problem: str = "") -> str:
    """One choice of each kind, but any number of extra toppings."""
    fields = []
    for name, choices in MENU.items():
        kind = "checkbox" if name == "extra_toppings" else "radio"
        boxes = "".join(
            f'<label><input type="{kind}" name="{name}" value="{escape(choice)}"'
            f"{' checked' if kind == 'radio' and choice == choices[0] else ''}> {escape(choice)}</label> "
            for choice in choices
        )
        fields.append(f"<fieldset><legend>{name.replace('_', ' ').capitalize()}</legend>{boxes}</fieldset>")
    form = f'<form method="post" action="/order">{"".join(fields)}<button>Order</button></form>'
    return page("Menu", f"<p>{escape(problem)}</p>{form}", customer)


def orders(customer: str, found: Sequence[Kept], search: str) -> str:
    rows = "".join(
        f'<tr><td><a href="/orders/{escape(one.order_id)}">{escape(one.order_id)}</a></td><td>{clock(one.placed)}</td>'
        f"<td>{escape(described(one))}</td><td>{LABELS[Status(one.status)]}</td></tr>"
        for one in found
    )
    form = f'<form><input type="search" name="search" value="{escape(search)}"> <button>Search</button></form>'
    return page("My orders", f"{form}<table><tr><th>Order<th>At<th>Pizza<th>Status</tr>{rows}</table>", customer)


def order(customer: str, one: Kept) -> str:
    steps = "".join(f'<li data-status="{step:d}">{LABELS[step]}</li>' for step in STEPS)
    body = f"""<p>{escape(described(one))}, ordered at {clock(one.placed)}</p><ul class="steps">{steps}</ul>
        <p id="label">{LABELS[Status(one.status)]}</p>{STATUS_SCRIPT}"""
    return page(f"Order {one.order_id}", body, customer)


def logs(customer: str) -> str:
    return page("What the services do", f"<pre></pre>{LOGS_SCRIPT}", customer)


def described(one: Kept) -> str:
    pizza = one.pizza
    parts = [pizza["main_topping"], pizza["cheese"], f"{pizza['sauce']} sauce", *pizza["extra_toppings"]]
    return ", ".join(map(str, parts))


def clock(at: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at / 1000))
