import { BlockList, isIPv6 } from 'node:net';

/** Whether an address (canonical text) is in one of the CIDR blocks. Throws for what is no block. */
export function trustedNetworks(blocks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const block of blocks) {
    const [network, bits] = block.split('/') as [string, string | undefined];
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(bits), family);
  }
  return (address) => blocks.length > 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
