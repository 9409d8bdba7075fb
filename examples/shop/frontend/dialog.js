// The sign-in dialog: a promise that is kept when somebody has signed in.

import { Cancelled, Refused, signIn } from "./api.js";

const dialog = document.querySelector("#sign-in-dialog");
const form = document.querySelector("#sign-in-form");
const error = document.querySelector("#sign-in-error");
const submit = document.querySelector("#submit");
let open = null;

/** Ask a person to sign in. Two requests that are refused at the same time share one dialog. */
export function askToSignIn() {
  open ??= new Promise((resolve, reject) => {
    form.reset();
    error.hidden = true;
    dialog.showModal();
    form.onsubmit = async (event) => {
      event.preventDefault();
      submit.disabled = true;
      try {
        const { user } = await signIn(form.email.value, form.password.value);
        dialog.onclose = null;
        dialog.close();
        resolve(user);
      } catch (problem) {
        if (!(problem instanceof Refused)) throw problem;
        error.textContent = problem.message;
        error.hidden = false;
        form.password.select();
      } finally {
        submit.disabled = false;
      }
    };
    dialog.onclose = () => reject(new Cancelled());
    document.querySelector("#cancel").onclick = () => dialog.close();
  }).finally(() => {
    open = null;
  });
  return open;
}
