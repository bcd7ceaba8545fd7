"use strict";
const dialog = document.querySelector("dialog");
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-zoom]");
  if (button) {
    const image = button.querySelector("img");
    dialog.querySelector("img").src = image.src;
    dialog.querySelector("img").alt = image.alt;
    dialog.querySelector("p").textContent = image.alt;
    dialog.showModal();
  } else if (event.target === dialog || event.target.closest("dialog button")) {
    dialog.close();
  }
});
