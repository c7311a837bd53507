"use strict";
// The picture and the time line under it, for task and review: keys, loop, playhead, the moment as a band.
// `player` is what the other scripts of a page use: times in seconds of the clip.
const player = (() => {
  const EVERY_S = 3; // between two thumbnails of the strip, as annotation/media/normal_form/stills.py makes it
  const SPEEDS = [1, 1.5, 0.5];
  const root = document.querySelector("[data-role=player]");
  const find = (role) => root.querySelector(`[data-role=${role}]`);
  const video = root.querySelector("video");
  const duration = Number(root.dataset.duration);
  const fps = Number(root.dataset.fps);
  const asked = root.dataset.end !== undefined;
  const moment = { start: Number(root.dataset.start ?? 0), end: Number(root.dataset.end ?? duration) };
  const keysOn = find("keys-on");
  let looping = false;

  const clamp = (seconds) => Math.min(Math.max(seconds, 0), duration);
  const now = () => video.currentTime;
  const seek = (seconds) => { video.currentTime = clamp(seconds); draw(); };
  const percent = (seconds) => `${(100 * seconds) / duration}%`;

  function draw() {
    find("playhead").style.left = percent(clamp(now()));
    find("clock").textContent = `${now().toFixed(1)} s`;
  }

  function setMoment(start, end) {
    Object.assign(moment, { start, end });
    place(find("band"), start, end);
  }

  function place(band, start, end) {
    band.style.left = percent(start);
    band.style.width = percent(end - start);
    band.hidden = false;
  }

  function setLoop(on) {
    looping = on;
    root.querySelector("[data-action=loop]").setAttribute("aria-pressed", String(on));
  }

  function keepInLoop() {
    if (looping && !video.paused && (now() >= moment.end || now() < moment.start - 0.2)) seek(moment.start);
  }

  function tick() {
    keepInLoop();
    draw();
    if (!video.paused) requestAnimationFrame(tick);
  }

  function frames(count) {
    video.pause();
    seek((Math.floor(now() * fps + 0.001) + count + 0.5) / fps); // the middle of a frame: its edge may show either
  }

  const tenths = (count) => seek(Math.round(now() * 10 + count) / 10);

  // A pause that follows at once takes a play back, which is no fault.
  const play = () => video.play().catch((error) => { if (error.name !== "AbortError") throw error; });

  const actions = {
    play: () => {
      if (!video.paused) return video.pause();
      if (looping && now() >= moment.end) seek(moment.start);
      play();
    },
    back: () => seek(now() - 1),
    forward: () => seek(now() + 1),
    loop: () => {
      setLoop(!looping);
      if (looping) { seek(moment.start); play(); }
    },
    speed: () => {
      video.playbackRate = SPEEDS[(SPEEDS.indexOf(video.playbackRate) + 1) % SPEEDS.length];
      find("speed").textContent = `${video.playbackRate}×`;
    },
  };
  const keys = {
    " ": actions.play, ArrowLeft: actions.back, ArrowRight: actions.forward, l: actions.loop,
    "shift ArrowLeft": () => tenths(-1), "shift ArrowRight": () => tenths(1),
    ",": () => frames(-1), ".": () => frames(1),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const text = event.target.closest("textarea, select, input:not([type=radio], [type=checkbox])");
    if (text && event.key === "Escape") text.blur();
    if (text || !keysOn.checked) return;
    const moves = /^(Arrow|Page|Home|End)/.test(event.key);
    if (moves && event.target.closest("[role=slider], input")) return; // these have arrows of their own
    if (event.key === " " && event.target.closest("button, a, summary, input")) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = keys[(event.shiftKey ? "shift " : "") + name];
    if (!act) return;
    event.preventDefault();
    act();
  });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    if (button) (actions[button.dataset.action])();
  });
  // A button that was clicked does not take the space key away from the player.
  find("controls").addEventListener("mousedown", (event) => event.preventDefault());

  const strip = find("strip");
  const seekTo = (event) => {
    const box = strip.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * duration);
  };
  strip.addEventListener("pointerdown", (event) => { strip.setPointerCapture(event.pointerId); seekTo(event); });
  strip.addEventListener("pointermove", (event) => { if (event.buttons) seekTo(event); });
  const picture = strip.querySelector(".thumbnails");
  if (picture) picture.style.width = percent(Math.ceil(duration / EVERY_S) * EVERY_S); // its last one may be cut off

  video.controls = false;
  find("controls").hidden = false;
  video.addEventListener("click", actions.play);
  video.addEventListener("play", tick);
  for (const name of ["seeked", "timeupdate", "pause"]) video.addEventListener(name, draw);
  video.addEventListener("timeupdate", keepInLoop);
  video.addEventListener("ended", () => { if (looping) { seek(moment.start); play(); } });
  const lines = document.querySelectorAll("[data-role=subtitles] li");
  for (const line of lines) { // when somebody speaks
    const said = strip.appendChild(Object.assign(document.createElement("span"), { className: "said" }));
    place(said, Number(line.dataset.start), Number(line.dataset.end));
  }
  video.addEventListener("timeupdate", () => {
    for (const line of lines) line.classList.toggle("now", now() >= line.dataset.start && now() < line.dataset.end);
  });
  const wide = matchMedia("(min-width: 50rem)").matches;
  for (const folded of document.querySelectorAll("details.more")) folded.open = wide; // examples, where there is room
  if (asked) {
    setMoment(moment.start, moment.end);
    setLoop(true);
    const begin = () => seek(moment.start);
    if (video.readyState > 0) begin(); else video.addEventListener("loadedmetadata", begin, { once: true });
  }
  return { root, video, duration, actions, keys, moment, now, seek, setMoment, place };
})();
