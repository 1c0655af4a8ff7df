// The catalogue of device kinds: every kind name of containerlab's format, with aliases and interface naming.
import type { InterfaceNaming, KindEntry, KindRuntime } from './kind-entry.ts';
import { FRR } from './saved-configuration.ts';

const runs = (name: string, runtime: KindRuntime): KindEntry => ({ name, aliases: [], runtime, runnable: true });

const known = (
  name: string,
  runtime: KindRuntime,
  aliases: readonly string[] = [],
  interfaces?: InterfaceNaming,
): KindEntry => ({ name, aliases, runtime, runnable: false, ...(interfaces === undefined ? {} : { interfaces }) });

const flat = (pattern: string, first: number, more: Partial<InterfaceNaming> = {}): InterfaceNaming => ({
  pattern,
  first,
  ...more,
});

const slots = (pattern: string, first: number, portsPerSlot: number): InterfaceNaming => ({ pattern, first, portsPerSlot });

/** Kinds by name. Interface facts: first data interface and numbering as the vendor's own command line shows them. */
export const kindCatalogue: readonly KindEntry[] = [
  { ...runs('linux', 'container'), saves: [FRR] },
  runs('bridge', 'bridge'),
  runs('ovs-bridge', 'ovs-bridge'),
  runs('host', 'host'),
  runs('ext-container', 'ext-container'),

  known('nokia_srlinux', 'container', ['srl'], flat('e1-{port}', 1, { management: 'mgmt0', otherPatterns: ['ethernet-1/{port}'] })),
  known('nokia_srsim', 'container', ['srsim']),
  known('nokia_sros', 'vm', ['vr-sros', 'vr-nokia_sros', 'sros'], flat('1/1/{port}', 1)),
  known('arista_ceos', 'container', ['ceos', 'arista_eos', 'eos'], flat('Ethernet{port}', 1, { management: 'Management0' })),
  known('arista_veos', 'vm', ['vr-veos', 'vr-arista_veos', 'veos'], flat('Ethernet{port}', 1, { management: 'Management1' })),
  known('juniper_crpd', 'container', ['crpd']),
  known('juniper_csrx', 'container', ['csrx']),
  known('juniper_cjunosevolved', 'container', ['cjunos', 'cjunos-evolved', 'cjunos_evolved', 'cjunosevolved', 'juniper_cjunos'], flat('et-0/0/{port}', 0)),
  known('juniper_vmx', 'vm', ['vr-vmx', 'vr-juniper_vmx', 'vmx'], flat('ge-0/0/{port}', 0)),
  known('juniper_vqfx', 'vm', ['vr-vqfx', 'vr-juniper_vqfx', 'vqfx'], flat('xe-0/0/{port}', 0)),
  known('juniper_vsrx', 'vm', ['vr-vsrx', 'vr-juniper_vsrx', 'vsrx', 'juniper_vsrx3'], flat('ge-0/0/{port}', 0)),
  known('juniper_vjunosrouter', 'vm', ['vr-vjunosrouter', 'vjunosrouter', 'vjunos-router', 'vjunos_router'], flat('ge-0/0/{port}', 0)),
  known('juniper_vjunosswitch', 'vm', ['vr-vjunosswitch', 'vjunosswitch', 'vjunos-switch', 'vjunos'], flat('ge-0/0/{port}', 0)),
  known('juniper_vjunosevolved', 'vm', ['vr-vjunosevolved', 'vjunosevolved', 'vjunos-evolved', 'vjunos_evolved'], flat('et-0/0/{port}', 0, { otherPatterns: ['ge-0/0/{port}'] })),
  known('cisco_iol', 'container', ['iol', 'iol-xe', 'iol-l2', 'ioll2-xe', 'iol-xe-serial-4eth'], slots('Ethernet{slot}/{port}', 0, 4)),
  known('cisco_vios', 'vm', ['vr-vios', 'iosv', 'cisco_iosv'], flat('GigabitEthernet0/{port}', 0)),
  known('cisco_viosl2', 'vm', ['iosvl2', 'iosv-l2'], slots('GigabitEthernet{slot}/{port}', 0, 4)),
  known('cisco_xrv', 'vm', ['vr-xrv', 'vr-cisco_xrv', 'xrv'], flat('GigabitEthernet0/0/0/{port}', 0, { management: 'MgmtEth0/0/CPU0/0' })),
  known('cisco_xrv9k', 'vm', ['vr-xrv9k', 'vr-cisco_xrv9k', 'xrv9k', 'iosxr', 'cisco_iosxr', 'iosxrv9000'], flat('GigabitEthernet0/0/0/{port}', 0, { management: 'MgmtEth0/RP0/CPU0/0' })),
  known('cisco_xrd', 'container', ['xrd', 'xrd-control-plane'], flat('GigabitEthernet0/0/0/{port}', 0, { management: 'MgmtEth0/RP0/CPU0/0', otherPatterns: ['Gi0-0-0-{port}'] })),
  known('cisco_xrd_vrouter', 'container', ['xrd-vrouter'], flat('GigabitEthernet0/0/0/{port}', 0, { management: 'MgmtEth0/RP0/CPU0/0' })),
  known('cisco_csr1000v', 'vm', ['vr-csr', 'vr-cisco_csr', 'csr', 'csr1000v', 'cisco_csr'], flat('GigabitEthernet{port}', 1)),
  known('cisco_n9kv', 'vm', ['vr-n9kv', 'vr-cisco_n9kv', 'n9kv', 'vr-nxos', 'vr-cisco_nxos', 'nxos', 'nxosv9000', 'cisco_nxos'], flat('Ethernet1/{port}', 1, { management: 'mgmt0' })),
  known('cisco_c8000', 'container', ['c8000']),
  known('cisco_c8000v', 'vm', ['vr-c8000v', 'vr-cisco_c8000v', 'c8000v', 'cat8000v', 'cat-sdwan-edge'], flat('GigabitEthernet{port}', 1)),
  known('cisco_cat9kv', 'vm', ['vr-cat9kv', 'vr-cisco_cat9kv', 'cat9kv', 'cat9000v-q200', 'cat9000v-uadp'], flat('GigabitEthernet1/0/{port}', 1, { management: 'GigabitEthernet0/0' })),
  known('cisco_asav', 'vm', ['asav'], flat('GigabitEthernet0/{port}', 0, { management: 'Management0/0' })),
  known('cisco_ftdv', 'vm', ['ftdv', 'vr-ftdv', 'vr-cisco_ftdv'], flat('GigabitEthernet0/{port}', 0, { management: 'Management0/0' })),
  known('cisco_sdwan', 'vm', ['cat-sdwan-controller', 'cat-sdwan-manager', 'cat-sdwan-validator']),
  known('paloalto_panos', 'vm', ['vr-pan', 'vr-paloalto_panos', 'paloalto_vmseries'], flat('ethernet1/{port}', 1)),
  known('fortinet_fortigate', 'vm', ['vr-fortinet_fortigate', 'fortigate'], flat('port{port}', 1)),
  known('checkpoint_cloudguard', 'vm', ['checkpoint-cloudguard']),
  known('f5_bigip-ve', 'vm', ['f5_bigip'], flat('1.{port}', 1)),
  known('mikrotik_ros', 'vm', ['vr-ros', 'vr-mikrotik_ros'], flat('ether{port}', 1)),
  known('aruba_aoscx', 'vm', ['vr-aoscx', 'vr-aruba_aoscx'], flat('1/1/{port}', 1)),
  known('dell_ftosv', 'vm', ['vr-ftosv', 'vr-dell_ftosv'], flat('ethernet1/1/{port}', 1)),
  known('dell_sonic', 'vm', ['vr-dell_sonic'], flat('Ethernet{port}', 0)),
  known('sonic-vs', 'container', [], flat('Ethernet{port}', 0)),
  known('sonic-vm', 'vm', ['vr-sonic'], flat('Ethernet{port}', 0)),
  known('plvision_sonic', 'container'),
  known('nvidia_cumulusvx', 'vm', ['cumulus_cvx', 'cvx', 'cumulus'], flat('swp{port}', 1)),
  known('huawei_vrp', 'vm', ['vr-huawei_vrp']),
  known('ciena_saos', 'vm', ['saos']),
  known('ipinfusion_ocnos', 'vm', ['ipinfusion-ocnos']),
  known('6wind_vsr', 'container'),
  known('arrcus_arcos', 'container', [], flat('swp{port}', 1)),
  known('vyosnetworks_vyos', 'container', ['vyos']),
  known('fdio_vpp', 'container'),
  known('rare', 'container'),
  known('veesix_osvbng', 'container', ['osvbng']),
  known('keysight_ixia-c-one', 'container', ['keysight_ixia_c_one']),
  known('spirent_stc', 'vm'),
  known('ostinato', 'container'),
  known('openwrt', 'vm'),
  known('openbsd', 'vm'),
  known('freebsd', 'vm'),
  known('generic_vm', 'vm'),
  known('k8s-kind', 'container'),
  known('border0', 'container'),
];
