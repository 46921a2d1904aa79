// Allowed addresses, whatever way they are written. (S26)
import { describe, expect, test } from "bun:test";
import { addressFault, createAddressList } from "../../../src/lib/addresses.ts";

describe("address lists", () => {
  const inside: [string, string][] = [
    ["10.0.0.0/8", "10.255.0.1"],
    ["10.1.2.3", "10.1.2.3"],
    ["10.1.2.3/32", "::ffff:10.1.2.3"],
    ["10.0.0.0/8", "::ffff:a01:203"],
    ["10.0.0.0/8", "::FFFF:0A01:0203"],
    ["10.0.0.0/8", "0:0:0:0:0:ffff:0a01:0203"],
    ["0.0.0.0/0", "8.8.8.8"],
    ["::ffff:10.0.0.0/104", "10.9.9.9"],
    ["2001:db8::/32", "2001:0DB8:0000::1"],
    ["2001:db8::1", "2001:db8:0:0:0:0:0:1"],
    ["::1", "[::1]"],
    ["fe80::/10", "fe80::1%eth0"],
    ["::/0", "2001:db8::1"],
  ];
  test.each(inside)("%s holds %s", (item, address) => {
    expect(addressFault(item)).toBeNull();
    expect(createAddressList([item])(address)).toBe(true);
  });

  const outside: [string, string | null][] = [
    ["10.0.0.0/8", "11.0.0.1"],
    ["10.1.2.3", "10.1.2.4"],
    ["10.0.0.0/8", "::ffff:11.0.0.1"],
    ["10.0.0.0/8", "010.1.2.3"],
    ["10.0.0.0/8", "10.1.2"],
    ["10.0.0.0/8", "0x0a.1.2.3"],
    ["10.0.0.0/8", "167838211"],
    ["10.0.0.0/8", "10.1.2.3, 8.8.8.8"],
    ["10.0.0.0/8", "10.1.2.3:80"],
    ["10.0.0.0/8", "::a01:203"],
    ["10.0.0.0/8", "64:ff9b::10.1.2.3"],
    ["2001:db8::/32", "2001:db9::1"],
    ["0.0.0.0/0", ""],
    ["0.0.0.0/0", null],
    ["0.0.0.0/0", "unknown"],
    ["0.0.0.0/0", "2001:db8::1"],
    ["::/0", "garbage"],
  ];
  test.each(outside)("%s does not hold %p", (item, address) => {
    expect(createAddressList([item])(address)).toBe(false);
  });

  test("an empty list holds nobody", () => {
    expect(createAddressList([])("127.0.0.1")).toBe(false);
  });

  test.each([
    "",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0/8",
    "::/129",
    "example.com",
    "10.0.0.0/8/8",
    "010.0.0.0/8",
    "fe80::1%eth0",
    "[::1]",
    "::ffff:10.0.0.0/8",
    "*",
    " 10.0.0.1",
    "1".repeat(1_000),
  ])("%p is refused", (text) => {
    expect(addressFault(text)).toContain("no address");
    expect(createAddressList([text])("10.0.0.1")).toBe(false);
  });
});
