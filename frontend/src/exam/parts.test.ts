import { expect, it } from "vitest";
import { forgetFailed, part } from "./parts";

it("loads each part once", async () => {
  const loads: string[] = [];
  const load = async () => loads.push("x");
  expect(part("once", load)).toBe(part("once", load));
  await part("once", load);
  forgetFailed();
  await part("once", load);
  expect(loads).toHaveLength(1);
});

it("gives the same failure until it is forgotten, so that a page that shows it does not ask without end", async () => {
  let online = false;
  const load = async () => {
    if (!online) throw new Error("no network");
    return "loaded";
  };
  await expect(part("failing", load)).rejects.toThrow("no network");
  online = true;
  await expect(part("failing", load)).rejects.toThrow("no network");
  forgetFailed();
  await expect(part("failing", load)).resolves.toBe("loaded");
});
