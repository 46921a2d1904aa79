// Which addresses may be connected to (S12), and how host spellings end up (M12).
import { describe, expect, test } from "bun:test";
import { createEgress } from "../../../src/egress.ts";
import { classifyAddress } from "../../../src/egress/address.ts";
import { failureOf, toUpstream } from "./request.ts";

const notPublic: readonly [address: string, kind: string][] = [
  ["127.0.0.1", "private"],
  ["127.1.2.3", "private"],
  ["10.0.0.1", "private"],
  ["10.255.255.255", "private"],
  ["172.16.0.1", "private"],
  ["172.31.255.254", "private"],
  ["192.168.1.1", "private"],
  ["100.64.0.1", "private"],
  ["100.127.255.254", "private"],
  ["169.254.0.1", "link-local"],
  ["169.254.169.254", "link-local"],
  ["169.254.170.2", "link-local"],
  ["100.100.100.200", "link-local"],
  ["168.63.129.16", "link-local"],
  ["192.0.0.192", "link-local"],
  ["0.0.0.0", "never"],
  ["0.1.2.3", "never"],
  ["192.0.0.1", "never"],
  ["192.0.2.1", "never"],
  ["198.51.100.1", "never"],
  ["203.0.113.1", "never"],
  ["198.18.0.1", "never"],
  ["198.19.255.254", "never"],
  ["224.0.0.1", "never"],
  ["239.255.255.255", "never"],
  ["240.0.0.1", "never"],
  ["255.255.255.255", "never"],
  ["192.88.99.1", "never"],
  ["::", "never"],
  ["::1", "private"],
  ["::ffff:127.0.0.1", "private"],
  ["::ffff:7f00:1", "private"],
  ["::ffff:10.0.0.1", "private"],
  ["::ffff:169.254.169.254", "link-local"],
  ["::ffff:0:127.0.0.1", "never"],
  ["::127.0.0.1", "never"],
  ["::7f00:1", "never"],
  ["fe80::1", "link-local"],
  ["febf::1", "link-local"],
  ["fec0::1", "never"],
  ["fc00::1", "private"],
  ["fd12:3456:789a::1", "private"],
  ["fd00:ec2::254", "link-local"],
  ["fd20:ce::254", "link-local"],
  ["ff02::1", "never"],
  ["ff0e::1", "never"],
  ["64:ff9b::7f00:1", "private"],
  ["64:ff9b::10.0.0.1", "private"],
  ["64:ff9b::a9fe:a9fe", "link-local"],
  ["64:ff9b:1::7f00:1", "private"],
  ["64:ff9b:1::8.8.8.8", "private"],
  ["2002:7f00:1::", "private"],
  ["2002:a00:1::1", "private"],
  ["2002:a9fe:a9fe::1", "link-local"],
  ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "never"],
  ["2001:db8::1", "never"],
  ["2001:2::1", "never"],
  ["2001:10::1", "never"],
  ["100::1", "never"],
  ["5f00::1", "never"],
  ["4000::1", "never"],
  ["", "never"],
  ["localhost", "never"],
  ["127.0.0.1:80", "never"],
  ["1.2.3.4.5", "never"],
  ["127.1", "never"],
  ["0x7f.0.0.1", "never"],
  ["::8.8.8.8", "never"],
  ["fe80::1%eth0", "never"],
];

const publicAddresses: readonly string[] = [
  "8.8.8.8",
  "1.1.1.1",
  "172.15.0.1",
  "172.32.0.1",
  "100.63.255.255",
  "100.128.0.1",
  "169.253.1.1",
  "11.0.0.1",
  "223.255.255.254",
  "2606:4700::1111",
  "2a00:1450:4001::200e",
  "::ffff:8.8.8.8",
  "64:ff9b::8.8.8.8",
];

describe("classifyAddress", () => {
  test.each(notPublic)("%s is %s", (address, kind) => {
    expect(classifyAddress(address)).toBe(kind as "private");
  });

  test.each(publicAddresses)("%s is public", (address) => {
    expect(classifyAddress(address)).toBe("public");
  });
});

/** What a URL may hold that ends at this machine, at a private network or at a metadata service. */
const spellings: readonly string[] = [
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "0x7f.1",
  "0x7f000001",
  "2130706433",
  "017700000001",
  "0177.0.0.1",
  "0x7f.0x0.0x0.0x1",
  "127.0.0.1.",
  "１２７.0.0.1",
  "127。0。0。1",
  "①②⑦.0.0.1",
  "%31%32%37.0.0.1",
  "0",
  "0.0.0.0",
  "0x0",
  "00000000",
  "[::]",
  "[::1]",
  "[0:0:0:0:0:0:0:1]",
  "[0000:0000:0000:0000:0000:0000:0000:0001]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[0:0:0:0:0:ffff:7f00:0001]",
  "[::127.0.0.1]",
  "[::ffff:0:127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[64:ff9b::127.0.0.1]",
  "[2002:7f00:1::]",
  "[fe80::1]",
  "[fc00::1]",
  "[fd00:ec2::254]",
  "[ff02::1]",
  "10.0.0.1",
  "10.1",
  "0xa000001",
  "167772161",
  "012.0.0.1",
  "172.16.0.1",
  "0xac100001",
  "192.168.0.1",
  "192.168.1",
  "3232235521",
  "0xc0a80001",
  "169.254.169.254",
  "0xa9fea9fe",
  "2852039166",
  "169.254.43518",
  "0251.0376.0251.0376",
  "[::ffff:169.254.169.254]",
  "[::ffff:a9fe:a9fe]",
  "[64:ff9b::a9fe:a9fe]",
  "100.100.100.200",
  "100.64.0.1",
  "168.63.129.16",
  "198.18.0.1",
  "224.0.0.1",
  "255.255.255.255",
  "240.0.0.1",
  "localhost",
  "LOCALHOST",
  "localhost.",
  "a.localhost",
  "ⓛocalhost",
];

describe("S12 M12 host spellings", () => {
  const sent: string[] = [];
  const egress = createEgress({
    env: {},
    fetch: async (url) => {
      sent.push(url);
      return new Response("reached");
    },
  });

  test(`${spellings.length} spellings of closed addresses are refused for a public target`, async () => {
    for (const spelling of spellings) {
      const url = URL.parse(`http://${spelling}:8080/`);
      if (!url) continue;
      const failure = await failureOf(egress.send(toUpstream(url, { network: "public" })));
      expect([spelling, failure.code]).toEqual([spelling, "upstream_unavailable"]);
      expect(failure.message).toContain("not allowed");
    }
    expect(sent).toEqual([]);
  });
});
