/** Parts of the page that are loaded when they are first needed. */

const parts = new Map<string, Promise<unknown>>();
const failed = new Set<string>();

/** The same promise each time, as React's `use` wants it: also one that was rejected, until `forgetFailed`. */
export function part<T>(name: string, load: () => Promise<T>): Promise<T> {
  const known = parts.get(name) as Promise<T> | undefined;
  if (known) return known;
  const loading = load();
  loading.catch(() => failed.add(name));
  parts.set(name, loading);
  return loading;
}

/** Once it was shown that they did not load: whoever needs them next tries again. */
export function forgetFailed(): void {
  for (const name of failed) parts.delete(name);
  failed.clear();
}
