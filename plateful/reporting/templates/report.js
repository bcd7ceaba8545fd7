"use strict";
const form = document.querySelector(".filters");
const cards = [...document.querySelectorAll(".card")];
const sections = [...document.querySelectorAll(".country")];
const empty = document.querySelector(".empty");

function apply() {
  const want = Object.fromEntries(new FormData(form));
  const words = want.words.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const filtered = words.length > 0 || want.country || want.status || want.reason;
  let shown = 0;
  for (const card of cards) {
    const d = card.dataset;
    const fits =
      (!want.country || d.country === want.country) &&
      (!want.status || d.status === want.status) &&
      (!want.reason || d.reasons.split("|").includes(want.reason)) &&
      words.every((word) => d.words.includes(word));
    card.hidden = !fits;
    shown += fits ? 1 : 0;
  }
  for (const section of sections) {
    const other = want.country && section.dataset.country !== want.country;
    section.hidden = other || (filtered && !section.querySelector(".card:not([hidden])"));
  }
  empty.hidden = shown > 0 || cards.length === 0;
  form.querySelector("output").textContent = `${shown.toLocaleString("en")} of ${cards.length.toLocaleString("en")} products`;
}

// Filters live in the address, so that a view can be sent to somebody: report.html#status=pending_review&country=CN
function restore() {
  if (!location.hash.includes("=")) return;
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const field of form.elements) if (field.name) field.value = wanted.get(field.name) || "";
  for (const select of form.querySelectorAll("select")) if (select.selectedIndex < 0) select.value = "";
}

function keep() {
  const set = [...new FormData(form)].filter(([, value]) => value);
  history.replaceState(null, "", set.length ? `#${new URLSearchParams(set)}` : location.pathname);
}

function changed() {
  apply();
  keep();
}

form.hidden = false;
form.addEventListener("input", changed);
form.addEventListener("submit", (event) => event.preventDefault());
document.querySelector("[data-reset]").addEventListener("click", () => {
  form.reset();
  changed();
});
addEventListener("pageshow", apply);
addEventListener("hashchange", () => {
  restore();
  apply();
});
restore();
apply();
