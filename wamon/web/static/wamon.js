"use strict";
const body = document.body, byId = (id) => document.getElementById(id);

// The code of a one-time link stands in the fragment, which reaches no server and no log.
const code = byId("code");
if (code && location.hash.length > 1) {
  code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
}

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const search = byId("q");
  if (search) { event.preventDefault(); search.focus(); }
});

const span = (seconds) => seconds < 90 ? `${Math.max(0, Math.round(seconds))} s`
  : seconds < 5400 ? `${Math.round(seconds / 60)} min` : seconds < 172800 ? `${Math.round(seconds / 3600)} h`
  : `${Math.round(seconds / 86400)} d`;
const skew = body.dataset.now ? Date.parse(body.dataset.now) - Date.now() : 0;
const ages = () => {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const seconds = (Date.now() + skew - Date.parse(time.dateTime)) / 1000;
    if (seconds > -60) time.dataset.age = ` · ${span(seconds)} ago`;
  }
};
ages();
setInterval(ages, 10000);

const clock = (moment) => new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: body.dataset.zone }).format(moment);
let source = null, heard = Date.now(), paused = false, hiding = 0;

const text = document.createElement("textarea");
const swap = (parts) => {
  for (const [id, html] of Object.entries(parts)) {
    const place = byId(id);
    if (id === "title") { text.innerHTML = html; document.title = text.value; }
    else if (place) htmx.swap({ sourceElement: place, target: place, text: html, swap: "innerMorph" }).then(ages);
  }
};
const hear = () => {
  heard = Date.now();
  byId("offline").textContent = "";
  body.classList.toggle("old", byId("live").textContent !== "");
};
const open = () => {
  if (source || paused || document.hidden) return;
  source = new EventSource(`/live?page=${encodeURIComponent(body.dataset.live)}&at=${encodeURIComponent(body.dataset.at)}`);
  source.addEventListener("parts", (event) => { body.dataset.at = event.lastEventId; swap(JSON.parse(event.data)); setTimeout(hear, 50); });
  source.addEventListener("beat", hear);
  source.addEventListener("error", () => { if (source && source.readyState === 2) { close(); setTimeout(open, 3000); } });
};
const close = () => { if (source) source.close(); source = null; };

if (body.dataset.live) {
  open();
  setInterval(() => {
    if (paused || document.hidden || Date.now() - heard < 9000) return;
    const said = `Not live since ${clock(heard)}. Below: as of ${clock(heard)}. Nothing is lost.`;
    if (byId("offline").textContent !== said) byId("offline").textContent = said;
    body.classList.add("old");
  }, 1000);
  // A browser allows a host six connections: a tab that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(close, 10000);
    else { heard = Math.max(heard, Date.now() - 5000); open(); }
  });
  const pause = byId("pause");
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on with updates" : "Pause updates";
    if (paused) close(); else { heard = Date.now(); open(); }
  });
}
