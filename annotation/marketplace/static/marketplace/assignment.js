// Around the task's frame: once the work was received there is no time to count and nothing to return.
// A task could send this message too; all it would win is to hide its own clock.
const task = document.querySelector("iframe[data-role=task]");
const bar = document.querySelector("[data-until-received]");
addEventListener("message", (event) => {
  if (event.source === task.contentWindow && event.data?.received === bar.dataset.untilReceived) {
    bar.hidden = true;
  }
});
