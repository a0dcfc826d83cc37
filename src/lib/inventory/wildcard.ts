export function hasWildcard(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/** Whether `*` (any text) and `?` (one character) in the pattern can stand for the text. Linear but for the product of both lengths. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let [inPattern, inText] = [0, 0];
  let [star, resume] = [-1, 0];
  while (inText < text.length) {
    if (pattern[inPattern] === '*') {
      star = inPattern++;
      resume = inText;
    } else if (pattern[inPattern] === '?' || pattern[inPattern] === text[inText]) {
      inPattern++;
      inText++;
    } else if (star >= 0) {
      inPattern = star + 1;
      inText = ++resume;
    } else return false;
  }
  while (pattern[inPattern] === '*') inPattern++;
  return inPattern === pattern.length;
}
