import type { Lines } from "./lines.ts";

/** The promise's outcome, or an error that names what was awaited when the time is up. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${what}: not within ${Math.round(ms)} ms`)),
    Math.max(0, ms),
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Where to look again from: lines that appear when what we wait for may have come true. */
export type Awaited = { readonly what: string; readonly on: Lines; readonly withinMs: number };

/**
 * The claim's value once it holds. It is asked now and again after every line of `on`, never by the
 * clock; a claim says "not yet" by returning undefined or false.
 */
export async function eventually<T>(
  { what, on, withinMs }: Awaited,
  claim: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = on.count;
    const value = await within(deadline - performance.now(), what, Promise.resolve(claim()));
    if (value !== undefined && value !== false) return value;
    await on.after(seen, deadline - performance.now()).catch((error: unknown) => {
      throw new Error(`not within ${withinMs} ms: ${what}`, { cause: error });
    });
  }
}
