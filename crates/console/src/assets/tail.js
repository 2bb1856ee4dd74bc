// The record as it grows: asked for by EventSource, which comes back by itself; for ten minutes, while the page is seen.

const LONGEST = 10 * 60 * 1000;
const MOST = 200;

const place = document.querySelector("#tail");
if (place) {
  const button = place.querySelector("button");
  const state = place.querySelector(".state");
  const list = place.querySelector(".events");
  const words = place.dataset;
  let source, end;

  const stop = (text) => {
    source?.close();
    source = undefined;
    clearTimeout(end);
    button.setAttribute("aria-pressed", "false");
    state.textContent = text;
  };

  const element = (name, className, text) => Object.assign(document.createElement(name), { className, textContent: text });

  const show = (event) => {
    const item = document.createElement("li");
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    const when = element("span", "when", "");
    const time = element("time", "", new Date(event.time).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" }));
    time.dateTime = event.time;
    time.title = event.time;
    when.append(time);
    summary.append(when, element("span", "what", event.words));
    if (event.error) summary.append(element("span", "badge bad", event.error));
    const whole = element("pre", "", event.whole);
    whole.tabIndex = 0;
    details.append(summary, whole);
    item.append(details);
    list.prepend(item);
    list.hidden = false;
    while (list.children.length > MOST) list.lastElementChild.remove();
  };

  const start = () => {
    source = new EventSource(words.address);
    button.setAttribute("aria-pressed", "true");
    state.textContent = words.live;
    source.onmessage = (message) => show(JSON.parse(message.data));
    // What comes back by itself is not closed; a refusal, or a page to sign in, is.
    source.onerror = () => { if (source?.readyState === EventSource.CLOSED) stop(words.lost); };
    end = setTimeout(() => stop(words.over), LONGEST);
  };

  button.hidden = false;
  button.addEventListener("click", () => (source ? stop("") : start()));
  document.addEventListener("visibilitychange", () => { if (document.hidden && source) stop(words.over); });
}
