import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./tree.ts";

type Manifest = {
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

type Lock = {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly resolved?: string;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
};

export const manifest: Manifest = read("package.json");
export const lock: Lock = read("package-lock.json");

function read<Shape>(path: string): Shape {
  return JSON.parse(readFileSync(join(root, path), "utf8")) as Shape;
}
