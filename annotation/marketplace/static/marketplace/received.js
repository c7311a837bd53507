// Inside the task's frame: tell the page around it that the work was received.
const received = document.querySelector("[data-received]").dataset.received;
parent.postMessage({ received }, "*");
