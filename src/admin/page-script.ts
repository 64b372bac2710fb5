/**
 * The page's only script: updates the live parts while the page is visible. Without it the page is complete but not
 * live. It waits while text is selected, so that it can be copied.
 */
export const PAGE_SCRIPT = `'use strict';
const parser = new DOMParser();
async function refresh() {
  if (document.hidden || String(getSelection()) !== '') return;
  try {
    const response = await fetch(location.pathname, { signal: AbortSignal.timeout(4000) });
    if (!response.ok) throw new Error(String(response.status));
    const next = parser.parseFromString(await response.text(), 'text/html');
    for (const part of document.querySelectorAll('[data-live]')) {
      const newer = next.querySelector('[data-live="' + part.dataset.live + '"]');
      if (newer !== null && newer.innerHTML !== part.innerHTML) part.replaceChildren(...newer.childNodes);
    }
    document.title = next.title;
    document.body.classList.remove('lost');
  } catch {
    document.body.classList.add('lost');
  }
}
setInterval(refresh, 2000);
document.addEventListener('visibilitychange', refresh);
`;
