/**
 * HTML out of foreign text. A template literal marked `markup` escapes every value that is put into it, unless that is itself
 * markup made in this way: nobody has to remember to escape, and there is no other way to make markup.
 */
import { printable } from '../text.js';

class SafeMarkup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Markup = SafeMarkup;

type Value = string | number | Markup | undefined | readonly Value[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** As content or as a quoted attribute it stands for itself. Controls and bidirectional overrides are spelled out before. */
function escaped(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

function textOf(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof SafeMarkup) return value.text;
  return typeof value === 'object' ? value.map(textOf).join('') : escaped(String(value));
}

export function markup(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new SafeMarkup(parts.map((part, i) => part + textOf(values[i])).join(''));
}
