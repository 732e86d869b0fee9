// The service counts Unicode code points, JavaScript counts UTF-16 units: "🙂" is one and two.

/** The part of a text from one code point to another. */
export function slice(text, start, end) {
  const first = unit(text, start);
  return text.slice(first, unit(text, end - start, first));
}

/** How many code points a text has. */
export function length(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** The UTF-16 unit at which a code point stands, counted from the unit `from`. */
function unit(text, points, from = 0) {
  let at = from;
  for (let left = points; left > 0 && at < text.length; left -= 1) {
    at += text.codePointAt(at) > 0xffff ? 2 : 1;
  }
  return at;
}
