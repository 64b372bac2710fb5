/** A new element; text is added as text, never as markup. */
export function element(tag, properties, children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
