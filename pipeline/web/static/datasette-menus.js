// Datasette 0.65 has this inside of its pages, where our content security policy lets no script run:
// a click outside of an open menu closes it.
document.body.addEventListener("click", (event) => {
  const within = event.target.closest("details");
  for (const menu of document.querySelectorAll("details[open]")) {
    if (menu !== within) menu.open = false;
  }
});
