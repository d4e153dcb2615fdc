/** What the browser keeps between visits; nothing where it keeps nothing. */
export function keptStorage(): Storage {
  try {
    return window.localStorage;
  } catch {
    return NOTHING;
  }
}

const NOTHING: Storage = {
  length: 0,
  clear: () => {},
  getItem: () => null,
  key: () => null,
  removeItem: () => {},
  setItem: () => {
    throw new Error("this browser keeps nothing");
  },
};
