// The page works without this. It counts down, fills in a code from an SMS, sends each form once, copies, prints and shows local times.
"use strict";

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.querySelector("button")?.setAttribute("aria-busy", "true");
  });
}

// A page that comes back from the browser's memory may be used again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const wait = document.querySelector(".wait");
const resend = document.querySelector("button[data-wait]");
if (wait && resend) {
  const end = Date.now() + Number(resend.dataset.wait) * 1000;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) {
      resend.disabled = false;
      wait.remove();
      return;
    }
    const unit = left === 1 ? wait.dataset.one : wait.dataset.many;
    wait.textContent = wait.dataset.text.replace("{wait}", `${left}\u00a0${unit}`);
    setTimeout(tick, 250);
  };
  resend.disabled = true;
  tick();
}

const code = document.getElementById("code");
if (code) {
  code.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text") ?? "";
    const digits = text.replace(/[\s.\-\u2010-\u2013]/g, "");
    if (/^[0-9]{1,12}$/.test(digits)) {
      event.preventDefault();
      code.value = digits;
    }
  });
  if (code.form.dataset.otp && "OTPCredential" in window) {
    const abort = new AbortController();
    code.form.addEventListener("submit", () => abort.abort());
    navigator.credentials
      .get({ otp: { transport: ["sms"] }, signal: abort.signal })
      .then((otp) => {
        if (otp?.code && !code.value) {
          code.value = otp.code;
          code.form.requestSubmit();
        }
      })
      // No SMS came, or the person said no: the code is typed.
      .catch(() => {});
  }
}

const copy = document.querySelector("button[data-copy]");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const lines = [...document.querySelectorAll(`#${copy.dataset.copy} code`)].map((line) => line.textContent);
    await navigator.clipboard.writeText(lines.join("\n"));
    copy.textContent = copy.dataset.copied;
  });
}

const paper = document.querySelector("button[data-print]");
if (paper) {
  paper.hidden = false;
  paper.addEventListener("click", () => print());
}

for (const time of document.querySelectorAll("time")) {
  const style = { dateStyle: "medium", timeStyle: "short" };
  time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, style);
}
