/** Building elements. Text is always text: nothing here parses HTML, so data cannot become markup. */

const SVG = 'http://www.w3.org/2000/svg'

/**
 * An element. Of the attributes, `class` and all others are set as they are; null and false leave
 * one out; a function is a listener (`onclick`).
 */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children)
}

export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children)
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.flat().filter((it) => it !== null && it !== undefined))
  return element
}
