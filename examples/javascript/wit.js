// Puts the contract and the world of this provider where the tools look for both: in the folder `.wit`.
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";

const contract = new URL("../../wit/", import.meta.url);
const target = new URL(".wit/", import.meta.url);

rmSync(target, { recursive: true, force: true });
mkdirSync(new URL("deps/provider/", target), { recursive: true });
cpSync(new URL("world.wit", import.meta.url), new URL("world.wit", target));
for (const [from, to] of [["", "deps/provider/"], ["deps/", "deps/"]]) {
  for (const name of readdirSync(new URL(from, contract)).filter((name) => name.endsWith(".wit"))) {
    cpSync(new URL(from + name, contract), new URL(to + name, target));
  }
}
