import { escapeLines } from '../core/escape.ts';

/** Markup that is safe to insert unescaped. */
export interface Html {
  readonly markup: string;
}

type Content = Html | string | number | null | undefined | false | readonly Content[];

/** Makes markup; values are escaped unless they are markup. `null`, `undefined` and `false` become nothing. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  let markup = parts[0] ?? '';
  contents.forEach((content, index) => {
    markup += toMarkup(content) + (parts[index + 1] ?? '');
  });
  return { markup };
}

function toMarkup(content: Content): string {
  if (content === null || content === undefined || content === false) return '';
  if (Array.isArray(content)) return (content as readonly Content[]).map(toMarkup).join('');
  if (typeof content === 'object') return (content as Html).markup;
  return escapeHtml(String(content));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return escapeLines(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
