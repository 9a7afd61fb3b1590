// Asks the browser for a passkey and sends its answer with the form. Only pages that need it load this.
"use strict";

const { PublicKeyCredential: Passkey, navigator: { credentials } } = window;

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const { passkey, options, autofill, now } = form.dataset;
  const button = form.querySelector("button[type=button]");
  const parse = passkey === "create" ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
  const say = (name) => {
    for (const text of form.querySelectorAll("[data-say]")) text.hidden = text.dataset.say !== name;
  };
  let last;
  const ask = async (silent, mediation) => {
    last?.abort();
    const { signal } = (last = new AbortController());
    say("");
    try {
      const publicKey = Passkey[parse](JSON.parse(options));
      const credential = await credentials[passkey]({ publicKey, signal, ...(mediation && { mediation }) });
      // This calls its `toJSON`.
      form.elements.credential.value = JSON.stringify(credential);
      form.requestSubmit();
    } catch (error) {
      if (!silent && !signal.aborted) say(error.name === "InvalidStateError" ? "known" : "failed");
    }
  };
  if (!Passkey?.[parse] || !credentials?.[passkey]) {
    say("unsupported");
    continue;
  }
  button.hidden = false;
  button.addEventListener("click", () => ask(false));
  if (autofill) {
    Passkey.isConditionalMediationAvailable?.().then((available) => available && ask(true, "conditional"));
  } else if (now) {
    // Browsers that want a click first refuse: then there is the button.
    ask(true);
  }
}

// Password managers forget a passkey that was removed (WebAuthn Level 3, section 5.1.10).
for (const { dataset } of document.querySelectorAll("[data-signals]")) {
  for (const { kind, argument } of JSON.parse(dataset.signals)) {
    const method = `signal-${kind}`.replace(/-./g, (letter) => letter[1].toUpperCase());
    Passkey?.[method]?.(argument).catch(() => {});
  }
}
