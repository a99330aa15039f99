// GraphiQL keeps some people out: its tabs and its explorer's inputs say nothing a screen reader can use, and some of
// its editor's colours are too faint. No setting changes that, so its modules are mended while they are bundled. A text
// that is not there exactly once stops the build: see then whether the new version has mended it, or says it otherwise.

import { readFileSync } from 'node:fs';

const lineNumbers = (colour) =>
  ['foreground', 'dimmedForeground'].map((what) => `"editorLineNumber.${what}": "${colour}"`).join(', ');

const MENDS = {
  // Buttons inside an element with the role tab are hidden from screen readers: it is a list, of which one is current.
  '@graphiql/react/dist/components/tabs/index.js': [
    ['"aria-selected": isActive', '"aria-current": isActive'],
    ['role: "tab"', 'role: "listitem"'],
    ['role: "tablist"', 'role: "list"'],
  ],
  'graphiql/dist/GraphiQL.js': [['role: "tabpanel"', 'role: "group"']],
  '@graphiql/react/dist/constants.js': [
    ['colors: getBaseColors("dark"),', `colors: { ...getBaseColors("dark"), ${lineNumbers('#a0a8b4')} },`],
    ['colors: getBaseColors("light"),', `colors: { ...getBaseColors("light"), ${lineNumbers('#237893')} },`],
    ['foreground: "#908aff"', 'foreground: "#9d98ff" }, { token: "comment", foreground: "#8fbc7a"'],
    ['foreground: "#6c69ce"', 'foreground: "#5450b8" }, { token: "number", foreground: "#066b45"'],
  ],
  // The label hid what the history's entry says.
  '@graphiql/plugin-history/dist/components.js': [['"aria-label": "Set active", ', '']],
  'graphiql-explorer/dist/Explorer.js': [
    ["type: 'text',", "type: 'text', 'aria-label': arg.name,"],
    ["value: argValue.kind === 'BooleanValue' ?", "'aria-label': arg.name, value: argValue.kind === 'BooleanValue' ?"],
    ["style: {\n                  backgroundColor: 'white',", "style: {\n backgroundColor: 'hsl(var(--color-base))',"],
    ['value: argValue.value },', "value: argValue.value, 'aria-label': arg.name },"],
    ['value: this.state.newOperationType,', "value: this.state.newOperationType, 'aria-label': 'New operation',"],
  ],
};

export function mended(text, mends, path) {
  return mends.reduce((before, [from, to]) => {
    const parts = before.split(from);
    if (parts.length !== 2) throw new Error(`${path} has ${parts.length - 1} times what is mended in it: ${from}`);
    return parts.join(to);
  }, text);
}

/** An esbuild plugin; a module that is mended and not bundled stops the build too. */
export const mends = {
  name: 'mends',
  setup({ onLoad, onEnd }) {
    const missing = new Set(Object.keys(MENDS));
    onLoad({ filter: /node_modules.*\.js$/ }, ({ path }) => {
      const module = Object.keys(MENDS).find((name) => path.endsWith(`/node_modules/${name}`));
      if (!module) return undefined;
      missing.delete(module);
      return { contents: mended(readFileSync(path, 'utf8'), MENDS[module], module), loader: 'js' };
    });
    onEnd(() => ({ errors: [...missing].map((name) => ({ text: `${name} is mended, but nothing uses it.` })) }));
  },
};
