// Counts a "time left" down, and says it aloud at five minutes and at one.
for (const element of document.querySelectorAll("[data-seconds-left]")) {
  const end = Date.now() + Number(element.dataset.secondsLeft) * 1000;
  const warning = document.querySelector("[data-time-warning]");
  const warnings = [300, 60].filter((limit) => Number(element.dataset.secondsLeft) > limit);
  const show = () => {
    const left = Math.max(0, Math.round((end - Date.now()) / 1000));
    const hours = Math.floor(left / 3600);
    const rest = [Math.floor(left / 60) % 60, left % 60].map((part) => String(part).padStart(2, "0"));
    element.textContent = [hours, ...rest].join(":");
    if (warnings.length && left <= warnings[0]) {
      warning.textContent = `${warnings.shift() / 60} min left`;
    }
    if (left === 0) {
      warning.textContent = "The time is over";
      clearInterval(timer);
    }
  };
  const timer = setInterval(show, 1000);
  show();
}
