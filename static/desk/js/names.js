// Initials and the tint of an avatar.

const TINTS = 6;

/** Returns one or two letters that stand for a name. */
export function initialsOf(name) {
  const words = name.trim().split(/[\s.@_-]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join("") || "?";
}

/** Returns a number that is always the same for a name. */
export function tint(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return String(sum % TINTS);
}

/** Makes an element show the initials of a name. */
export function showInitials(element, name) {
  element.textContent = initialsOf(name);
  element.dataset.tint = tint(name);
}
