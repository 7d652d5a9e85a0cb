// Small helpers to build elements; text is always set as text, never as markup.

/** Makes an element: attributes, then children (elements or text). `on...` attributes are listeners. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** The value of a custom property of the page's style, such as "--ink". */
export function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
