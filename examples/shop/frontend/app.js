// The shop's page: what it shows, and what its buttons do.

import { Cancelled, Refused, json, me, send, signOut } from "./api.js";
import { drawing } from "./art.js";
import { askToSignIn } from "./dialog.js";

const byId = (id) => document.getElementById(id);
const names = new Map();

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function show(text, bad = false) {
  const notice = byId("notice");
  notice.textContent = text;
  notice.classList.toggle("bad", bad);
  notice.hidden = false;
}

/** Run what a button does; what goes wrong is shown, and the button waits meanwhile. */
function on(button, action) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await action();
    } catch (problem) {
      if (problem instanceof Refused) show(problem.message, true);
      else if (!(problem instanceof Cancelled)) throw problem;
    } finally {
      button.disabled = false;
    }
  });
}

async function signIn() {
  showUser(await askToSignIn());
}

const request = (path, options) => send(path, options, signIn);

function showUser(user) {
  byId("who").textContent = user?.email ?? "";
  byId("who").hidden = user === null;
  byId("sign-in").hidden = user !== null;
  byId("sign-out").hidden = user === null;
}

function product({ sku, name, text, cents }) {
  names.set(sku, name);
  const buy = element("button", { type: "button", textContent: "Buy", ariaLabel: `Buy ${name}` });
  on(buy, async () => {
    const order = await request("/api/orders", json("POST", { items: [{ sku, quantity: 1 }] }));
    show(`Ordered: ${name}. Your order is ${order.id.slice(0, 8)}.`);
    await showOrders();
  });
  const price = element("span", { className: "price", textContent: `€ ${(cents / 100).toFixed(2)}` });
  return element(
    "li",
    { className: "product" },
    drawing(sku),
    element(
      "div",
      { className: "words" },
      element("h3", { textContent: name }),
      element("p", { textContent: text }),
      element("div", { className: "buy" }, price, buy),
    ),
  );
}

function table(place, empty, columns, rows) {
  if (rows.length === 0) {
    place.replaceChildren(element("p", { textContent: empty }));
    return;
  }
  const row = (cells, tag) => element("tr", {}, ...cells.map((textContent) => element(tag, { textContent })));
  place.replaceChildren(
    element("table", {}, element("thead", {}, row(columns, "th")), element("tbody", {}, ...rows.map((r) => row(r, "td")))),
  );
}

async function showOrders() {
  const { orders } = await request("/api/orders");
  const rows = orders.map(({ id, sku, quantity }) => [id.slice(0, 8), names.get(sku) ?? sku, String(quantity)]);
  table(byId("orders"), "You have not ordered anything yet.", ["Order", "Product", "Pieces"], rows);
}

async function showReport() {
  const { report } = await request("/api/orders/reports");
  const rows = report.map(({ sku, buyers, sold }) => [names.get(sku) ?? sku, String(buyers), String(sold)]);
  table(byId("report"), "Nothing was sold yet.", ["Product", "Buyers", "Sold"], rows);
}

on(byId("sign-in"), signIn);
on(byId("sign-out"), async () => {
  await signOut();
  showUser(null);
  byId("orders").replaceChildren();
  byId("report").replaceChildren();
  show("You are signed out.");
});
on(byId("show-orders"), showOrders);
on(byId("show-report"), showReport);

try {
  const { products } = await request("/api/catalog");
  byId("products").replaceChildren(...products.map(product));
  showUser(await me());
} catch (problem) {
  if (!(problem instanceof Refused)) throw problem;
  show(problem.message, true);
}
