// The review by keyboard, on the queue and on an item's page. The server decides; this shows what it answered.
// It never writes a text as HTML, but for the fragments that the server's own templates made.

const token = document.querySelector("meta[name=csrftoken]").content;
const queue = document.getElementById("queue");
const status = document.getElementById("status");
const undoable = JSON.parse(sessionStorage.getItem("undoable") ?? "[]"); // the newest last: [verdict ids, what it says]
const removed = new Map(); // verdict id → the stories that it took off the page, and where they stood

// ---- talking to the server ------------------------------------------------------------------------------------

// The filter of the page goes along, so that the counts that come back are those of the page.
async function post(what, body) {
  let answer;
  try {
    answer = await fetch(`/-/review/${what}${queue ? location.search : ""}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrftoken": token },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The server cannot be reached; nothing was saved. Try again.");
  }
  const is_json = (answer.headers.get("content-type") ?? "").startsWith("application/json");
  const said = is_json ? await answer.json() : {};
  if (!answer.ok) {
    throw Object.assign(new Error(said.error ?? `The server refused (${answer.status}); nothing was saved. Sign in again?`), said, {
      status: answer.status,
    });
  }
  return said;
}

async function fragment(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return document.createRange().createContextualFragment(await answer.text());
}

function say(text, { undo = false, failed = false, link = null } = {}) {
  status.replaceChildren(text);
  status.classList.toggle("failed", failed);
  if (link) status.append(" ", Object.assign(document.createElement("a"), link));
  if (undo) {
    const button = Object.assign(document.createElement("button"), { textContent: "undo (u)", onclick: takeBack });
    status.append(" ", button);
  }
}

// Runs one act and shows what went wrong. Acts follow one another, however fast the keys are pressed.
let last = Promise.resolve();
function act(work) {
  last = last.then(work).catch((error) => say(error.message, { failed: true }));
  return last;
}

// ---- stories ---------------------------------------------------------------------------------------------------

const stories = () => [...document.querySelectorAll(".story")];
const titleOf = (story) => story.querySelector("h1, h2").textContent.trim();
let current = queue ? null : stories()[0] ?? null;

function go(story) {
  current?.classList.remove("current");
  current = story ?? null;
  if (!current) return;
  current.classList.add("current");
  if (queue) {
    current.focus({ preventScroll: true });
    current.scrollIntoView({ block: "nearest" });
  }
}

function step(by) {
  const all = stories();
  const at = all.indexOf(current);
  go(at < 0 ? all[0] : all[Math.min(Math.max(at + by, 0), all.length - 1)]);
}

async function open(story, { wanted } = {}) {
  const detail = story.querySelector(".detail");
  if (!detail) return;
  const is_open = wanted ?? detail.hidden;
  if (is_open && !detail.childElementCount) {
    detail.replaceChildren(await fragment(`/-/queue/item/${story.dataset.item}`));
  }
  detail.hidden = !is_open;
  story.querySelector("[data-act=open]").setAttribute("aria-expanded", String(is_open));
}

async function more() {
  const link = document.querySelector("#queue .more a");
  if (!link) return;
  const address = new URL(link.href);
  address.pathname = "/-/queue/more";
  const found = await fragment(address);
  link.closest(".more").replaceWith(found);
  watchBottom();
}

function count(counts) {
  for (const [state, stories] of Object.entries(counts ?? {})) {
    const shown = document.querySelector(`[data-count=${state}]`);
    if (shown) shown.textContent = stories;
  }
}

// What the server says of stories after an act. One that is not of the state shown any more goes from the list; its
// place is kept for an undo.
function settle(several, answer) {
  count(answer.counts);
  several.forEach((story, at) => {
    story.dataset.seen = answer.seen[story.dataset.item];
    if (!queue || answer.states[at] === queue.dataset.state) return;
    removed.set(answer.ids[at], [story, stories().indexOf(story)]);
    const next = story.nextElementSibling?.matches(".story") ? story.nextElementSibling : story.previousElementSibling;
    story.remove();
    if (story === current) go(next);
  });
  if (queue && stories().length < 20) act(more);
}

function remember(ids, text) {
  undoable.push([ids, text]);
  sessionStorage.setItem("undoable", JSON.stringify(undoable.slice(-200)));
}

// ---- decisions -------------------------------------------------------------------------------------------------

const WORDS = { relevant: "Relevant", irrelevant: "Irrelevant", escalated: "Escalated" };

async function decide(several, verdict) {
  const choices = several.map((story) => ({ item: +story.dataset.item, seen: +story.dataset.seen }));
  const text = several.length === 1 ? titleOf(several[0]) : `${several.length} stories`;
  try {
    const answer = await post("decide", { choices, verdict });
    remember(answer.ids, text);
    say(`${WORDS[verdict]}: ${text}`, { undo: true });
    settle(several, answer);
  } catch (error) {
    noteSeen(several, error.seen); // somebody else was faster: the same key again overrules them
    throw error;
  }
}

function noteSeen(several, seen = {}) {
  for (const story of several) story.dataset.seen = seen[story.dataset.item] ?? story.dataset.seen;
}

async function takeBack() {
  const top = undoable.at(-1);
  if (!top) return say("There is nothing to undo.");
  const [ids, text] = top;
  const answer = await post("undo", { ids }).catch((error) => {
    if (error.status === 409) forget();
    throw error;
  });
  forget();
  count(answer.counts);
  for (const id of ids.toReversed()) { // the last one went from the list as it was without the others
    const [story, place] = removed.get(id) ?? [];
    if (story) {
      const before = stories()[place];
      before ? before.before(story) : queue.prepend(story);
      go(story);
    }
    removed.delete(id);
  }
  noteSeen(stories(), answer.seen);
  say(`Undone: ${text}`);
  if (current) await reload(current);
}

function forget() {
  undoable.pop();
  sessionStorage.setItem("undoable", JSON.stringify(undoable));
}

// The open text of a story as it now stands: its tags, verdicts and notes.
async function reload(story) {
  const detail = story.querySelector(".detail");
  if (detail?.childElementCount) detail.replaceChildren(await fragment(`/-/queue/item/${story.dataset.item}`));
}

function ask(id) {
  const dialog = document.getElementById(id);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

async function wrong(story) {
  await open(story, { wanted: true });
  const tags = [...story.querySelectorAll("[data-mention]:not(.wrong)")];
  if (!tags.length) throw new Error("This item has no tag that could be wrong.");
  const choices = document.querySelector("#wrong .choices");
  choices.replaceChildren(
    ...tags.map((tag, at) => {
      const name = tag.querySelector("b").textContent;
      const button = Object.assign(document.createElement("button"), { value: tag.dataset.mention });
      if (at < 9) button.append(Object.assign(document.createElement("kbd"), { textContent: at + 1 }), " ");
      button.append(Object.assign(document.createElement("b"), { textContent: name }), ` “${tag.dataset.text}” `);
      button.append(Object.assign(document.createElement("q"), { textContent: tag.querySelector("q").textContent }));
      return button;
    }),
  );
  const mention = await ask("wrong");
  go(story);
  if (!mention) return;
  const answer = await post("wrong", { item: +story.dataset.item, mention: +mention });
  remember(answer.ids, `wrong tag in ${titleOf(story)}`);
  await reload(story);
  story.querySelector(`[data-mention="${CSS.escape(mention)}"]`)?.classList.add("wrong");
  say(`Wrong tag: ${titleOf(story)}`, { undo: true, link: { href: `/-/lesson/${answer.ids[0]}`, textContent: "teach the rule" } });
  settle([story], answer);
}

// What is selected, as a span of the stored field. Offsets count characters, as the store does, not UTF-16 units.
function selected() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const within = (node) => (node.nodeType === 1 ? node : node.parentElement).closest("[data-field]");
  const place = within(range.startContainer);
  if (!place || place !== within(range.endContainer)) return null;
  const before = document.createRange();
  before.setStart(place, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const whole = range.toString();
  const text = whole.trim();
  if (!text) return null;
  const start = +place.dataset.start + [...before.toString()].length + [...whole.slice(0, whole.indexOf(text))].length;
  return { story: place.closest(".story"), field: place.dataset.field, start, end: start + [...text].length, text };
}

async function missed(story) {
  const span = selected();
  if (!span || span.story !== story) {
    await open(story, { wanted: true });
    throw new Error("First select the words in the text that should have been tagged, within one paragraph; then press m.");
  }
  document.querySelector("#missed .words").textContent = span.text;
  const is_saved = await ask("missed");
  go(story);
  if (!is_saved) return;
  const { field, start, end, text } = span;
  const entity = document.querySelector("#missed [name=entity]").value;
  const answer = await post("missed", { item: +story.dataset.item, entity, field, start, end, text });
  remember(answer.ids, `missed tag in ${titleOf(story)}`);
  say(`Missed tag “${text}”: ${titleOf(story)}`, { undo: true });
  settle([story], answer);
  await reload(story);
}

async function note(story) {
  const area = document.querySelector("#note textarea");
  area.value = "";
  const is_saved = await ask("note");
  go(story);
  if (!is_saved || !area.value.trim()) return;
  await post("note", { item: +story.dataset.item, note: area.value.trim() });
  say(`Noted: ${titleOf(story)}`);
  await reload(story);
}

// ---- several at once -------------------------------------------------------------------------------------------

const chosen = () => stories().filter((story) => story.querySelector(".choose")?.checked);

function choose(story) {
  const box = story.querySelector(".choose");
  if (box) box.checked = !box.checked;
  say(`${chosen().length} chosen; b decides on them`);
}

async function bulk() {
  const several = chosen();
  if (!several.length) throw new Error("Choose some first: c, or the box of a story.");
  const preview = await post("preview", { items: several.map((story) => +story.dataset.item) });
  noteSeen(several, preview.seen);
  const list = document.createElement("ul");
  for (const title of preview.titles) list.append(Object.assign(document.createElement("li"), { textContent: title }));
  const parts = [`${preview.items} stories, with ${preview.copies} copies folded under them.`];
  if (preview.decided) parts.push(`${preview.decided} of them have a verdict already, which this one overrules.`);
  const summary = Object.assign(document.createElement("p"), { textContent: parts.join(" ") });
  const tags = Object.assign(document.createElement("p"), { className: "meta", textContent: preview.entities });
  document.querySelector("#bulk .preview").replaceChildren(summary, tags, list);
  if (!(await ask("bulk"))) return;
  const verdict = document.querySelector("#bulk [name=verdict]:checked").value;
  await decide(several, verdict);
  for (const story of several) story.querySelector(".choose").checked = false;
}

// ---- the proof of a tag ----------------------------------------------------------------------------------------

const tip = document.getElementById("tip");

function showProof(mark) {
  const scope = mark.closest(".story") ?? document;
  const proofs = mark.dataset.mentions.split(" ").map((id) => scope.querySelector(`#proof-${id}`)?.cloneNode(true));
  for (const proof of proofs) proof?.removeAttribute("id");
  tip.replaceChildren(...proofs.filter(Boolean));
  tip.hidden = false;
  const at = mark.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, innerWidth - tip.offsetWidth - 8));
  const is_below = at.bottom + tip.offsetHeight + 12 < innerHeight;
  tip.style.left = `${left}px`;
  tip.style.top = `${is_below ? at.bottom + 6 : Math.max(8, at.top - tip.offsetHeight - 6)}px`;
}

for (const [shown, hidden] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
  document.addEventListener(shown, (event) => event.target.closest?.("mark[data-mentions]") && showProof(event.target.closest("mark")));
  document.addEventListener(hidden, (event) => event.target.closest?.("mark[data-mentions]") && (tip.hidden = true));
}
addEventListener("scroll", () => (tip.hidden = true), { passive: true });

// ---- keys and buttons ------------------------------------------------------------------------------------------

const ACTS = {
  relevant: (story) => decide([story], "relevant"),
  irrelevant: (story) => decide([story], "irrelevant"),
  escalated: (story) => decide([story], "escalated"),
  open,
  wrong,
  missed,
  note,
  choose,
};
const GLOBAL = {
  next: () => step(1),
  previous: () => step(-1),
  undo: takeBack,
  bulk,
  all: () => {
    for (const box of document.querySelectorAll(".choose")) box.checked = true;
    say(`${chosen().length} chosen; b decides on them`);
  },
  help: () => void ask("help"),
  search: () => {
    const field = document.getElementById("search");
    field ? (field.focus(), field.select()) : (location.href = "/-/queue");
  },
};
const KEYS = {
  j: "next", k: "previous", o: "open", r: "relevant", x: "irrelevant", e: "escalated", w: "wrong", m: "missed",
  n: "note", u: "undo", c: "choose", b: "bulk", "/": "search", "?": "help",
};
const needsReviewer = new Set(["relevant", "irrelevant", "escalated", "wrong", "missed", "note", "choose", "bulk", "undo"]);
const mayReview = () => document.querySelector("[data-act=relevant]") !== null || undoable.length > 0;

function perform(name, story) {
  if (needsReviewer.has(name) && !mayReview()) return say("Sign in as a reviewer to decide.", { failed: true });
  if (GLOBAL[name]) return act(GLOBAL[name]);
  return act(() => {
    const one = story ?? current ?? stories()[0]; // looked for when its turn comes: the one before may be gone
    if (!one) throw new Error("There is no story.");
    if (one !== current) go(one);
    return ACTS[name](one);
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const dialog = document.querySelector("dialog[open]");
  if (dialog) {
    if (dialog.id === "wrong" && /^[1-9]$/.test(event.key)) dialog.querySelectorAll(".choices button")[event.key - 1]?.click();
    return;
  }
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const name = KEYS[event.key];
  if (!name) return;
  event.preventDefault();
  perform(name);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) return perform(button.dataset.act, button.closest(".story") ?? undefined);
  const link = event.target.closest("#queue .more a");
  if (link) {
    event.preventDefault();
    act(more);
  } else if (queue && !event.target.closest("a, button, input, mark") && getSelection().isCollapsed) {
    const story = event.target.closest(".story");
    if (story) go(story);
  }
});

const bottom = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && act(more), { rootMargin: "400px" });
const watchBottom = () => document.querySelectorAll("#queue .more").forEach((one) => bottom.observe(one));
watchBottom();
