/**
 * The text of a member of a JSON object, exactly as it stands there: `JSON.parse` rounds numbers beyond 2^53. `text` has to
 * be valid JSON. Of members with the same name the last counts, as it does to `JSON.parse`. Undefined when the text is no
 * object or has no such member.
 */
export function memberText(text: string, name: string): string | undefined {
  let at = endOfSpace(text, 0);
  if (text[at] !== '{') return undefined;
  let found: string | undefined;
  at = endOfSpace(text, at + 1);
  while (text[at] === '"') {
    const keyEnd = endOfString(text, at);
    const key: unknown = JSON.parse(text.slice(at, keyEnd));
    const start = endOfSpace(text, endOfSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    if (key === name) found = text.slice(start, end);
    // Past the comma; the closing brace is no quote and ends the loop.
    at = endOfSpace(text, endOfSpace(text, end) + 1);
  }
  return found;
}

function endOfSpace(text: string, start: number): number {
  let at = start;
  while (isSpace(text[at])) at += 1;
  return at;
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\n' || character === '\r' || character === '\t';
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfValue(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const character = text[at];
    if (character === '"') {
      at = endOfString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (character === ',' || isSpace(character))) return at;
    at += 1;
  }
  return at;
}
