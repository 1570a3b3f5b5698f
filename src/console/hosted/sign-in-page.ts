/** The only page that a stranger gets: a form for the key. It is one document without files, and shows nothing of the app. */
import { createHash } from 'node:crypto';
import { contentSecurityPolicy } from '../security-headers.ts';

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-content: center; }
main { width: min(22rem, 100vw - 2rem); }
h1 { font-size: 1.25rem; }
form { display: grid; gap: 0.5rem; }
input, button { font: inherit; padding: 0.4rem 0.6rem; }
p { min-height: 1.5em; margin: 0.5rem 0 0; }
`;

/** The path is a constant of the app; nothing of a request is in the script. */
const scriptOf = (signInPath: string) => `
const form = document.querySelector('form');
const field = document.getElementById('key');
const problem = document.getElementById('problem');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  problem.textContent = '';
  const headers = new Headers();
  try {
    headers.set('x-functions-key', field.value.trim());
  } catch {
    problem.textContent = 'This is not a key.';
    return;
  }
  const answer = await fetch(${JSON.stringify(signInPath)}, { method: 'POST', headers }).catch(() => null);
  if (answer !== null && answer.ok) location.reload();
  else if (answer === null) problem.textContent = 'The app does not answer.';
  else if (answer.status === 401) problem.textContent = 'The key is not one of this app.';
  else problem.textContent = 'The app answered ' + answer.status + '; its log has the reason.';
});
`;

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export function signInPage(signInPath: string): { readonly document: string; readonly policy: string } {
  const script = scriptOf(signInPath);
  return {
    policy: contentSecurityPolicy(`script-src ${hashOf(script)}`, `style-src ${hashOf(style)}`),
    document: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Multi-outbox: sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>${style}</style>
</head>
<body>
<main>
<h1>Multi-outbox</h1>
<form>
<label for="key">Function key</label>
<input id="key" type="password" autocomplete="off" spellcheck="false" required>
<button>Sign in</button>
</form>
<p id="problem" role="alert"></p>
</main>
<script type="module">${script}</script>
</body>
</html>
`,
  };
}
