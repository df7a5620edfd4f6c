/** A strict reader of HTML that is also well-formed XML but for its first line: it refuses whatever a browser would mend. */

export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (Element | string)[];
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

function decoded(text: string): string {
  return text.replace(/&([^;]*;)?/g, (_all, name: string | undefined) => {
    const character = ENTITIES[name?.slice(0, -1) ?? ''];
    if (character === undefined) throw new Error(`a bare & in: ${text.slice(0, 80)}`);
    return character;
  });
}

function attributesOf(text: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  const rest = text.replace(/\s+([a-zA-Z][\w:-]*)="([^"<]*)"/g, (_all, name: string, value: string) => {
    if (name in attributes) throw new Error(`attribute ${name} twice`);
    attributes[name] = decoded(value);
    return '';
  });
  if (rest.trim() !== '') throw new Error(`not attributes: ${rest}`);
  return attributes;
}

export function parseMarkup(text: string): Element {
  const start = '<!DOCTYPE html>';
  if (!text.startsWith(start)) throw new Error('no doctype');
  const root: Element = { name: '', attributes: {}, children: [] };
  const stack = [root];
  for (let at = start.length; at < text.length;) {
    const open = stack.at(-1) ?? root;
    const end = text.indexOf('<', at);
    const words = text.slice(at, end < 0 ? text.length : end);
    if (words !== '') open.children.push(open.name === 'style' ? words : decoded(words));
    if (end < 0) break;
    const tag = /^<(\/?)([a-zA-Z][\w-]*)((?:\s+[^<>"]+="[^"]*")*)\s*(\/?)>/.exec(text.slice(end, end + 10_000));
    if (tag === null) throw new Error(`no tag: ${text.slice(end, end + 80)}`);
    const [all, closing, name = '', attributes = '', isEmpty] = tag;
    at = end + all.length;
    if (closing === '/') {
      if (open.name !== name) throw new Error(`</${name}> ends <${open.name}>`);
      stack.pop();
      continue;
    }
    const element: Element = { name, attributes: attributesOf(attributes), children: [] };
    open.children.push(element);
    if (isEmpty !== '/') stack.push(element);
  }
  if (stack.length > 1) throw new Error(`<${stack.at(-1)?.name ?? ''}> is not closed`);
  const [html, ...others] = root.children.filter((child) => typeof child !== 'string');
  if (html === undefined || others.length > 0) throw new Error('not one root');
  return html;
}

/** The element and all below it, in the order of the document. */
export function* elementsOf(element: Element): Generator<Element, void> {
  yield element;
  for (const child of element.children) if (typeof child !== 'string') yield* elementsOf(child);
}

/** The text of an element as a person reads it. */
export function textOf(element: Element): string {
  const join = (each: Element): string =>
    each.children.map((child) => (typeof child === 'string' ? child : join(child))).join('');
  return join(element).replace(/\s+/g, ' ').trim();
}
