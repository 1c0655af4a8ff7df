// Several supervisors on one NATS: labs are spread over them, and none is without an owner, or with two, whatever becomes of one.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { labView } from '../../machines/evolve/lab-view.ts';
import type { LogEntry } from '../../machines/vocabulary/event.ts';
import type { LabId } from '../../machines/vocabulary/ids.ts';
import { LabView } from '../../machines/vocabulary/lab-view.ts';
import { claimsOf, LabClaims, NO_CLAIMS } from '../../machines/plan/claims.ts';
import { openClaimsLog } from '../../nats/claims-log.ts';
import { command, lab, node } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { startSupervisorProcess } from '../support/supervisor-process.ts';
import { heldTwice, refold, smallLab, startSupervisors, writtenTooLate } from '../support/supervisors.ts';
import type { Supervisors } from '../support/supervisors.ts';

const LEASE_SECONDS = 3;
const TWELVE = Array.from({ length: 12 }, (_, index) => lab(`l${index}`));
let all: Supervisors;

beforeEach(async () => {
  all = await startSupervisors(LEASE_SECONDS);
});
afterEach(async () => await all.stop());

const deployTwelve = async () => {
  await Promise.all(TWELVE.map(async (name) => await all.deploy(smallLab(name))));
  for (const name of TWELVE) await all.settles(name);
};
const allOwned = async (by: readonly string[]) => await eventually(async () => {
  const shares = await all.shares();
  return shares.size === by.length && by.every((id) => shares.has(id)) && [...shares.values()].reduce((sum, labs) => sum + labs, 0) === TWELVE.length;
}, { timeoutMs: 30_000, everyMs: 50, what: `${by.join()} to own all labs` });
const lastOwner = (entries: readonly LogEntry[]) => entries.flatMap(({ events }) => events.flatMap((event) => (event.type === 'TakenOver' ? [event.supervisor] : []))).at(-1);
const restart = async (name: LabId, id: string) => await all.ops.request('node-restart', { commandId: command(`${name}-${id}`), nodes: [node('a')] }, { lab: name, patienceMs: 30_000 });
const restartAll = async (id: string) => {
  for (const answer of await Promise.all(TWELVE.map(async (name) => await restart(name, id)))) expect(answer).toMatchObject({ outcome: 'accepted' });
  for (const name of TWELVE) await all.settles(name);
};
const tooLate = async () => (await Promise.all(TWELVE.map(async (name) => writtenTooLate(await all.entries(name))))).flat();

describe('several supervisors', () => {
  it('share the labs; each answers for all of them, at once with what another did', async () => {
    const [one, two] = [await all.start(), await all.start()];
    await Promise.all(TWELVE.map(async (name) => {
      await all.deploy(smallLab(name));
      expect(await all.ops.request('inspect', {}, { lab: name })).toMatchObject({ lab: name });
      expect((await all.ops.request('list', { destroyed: false })).labs.map((each) => each.lab)).toContain(name);
    }));
    for (const name of TWELVE) await all.settles(name);
    await allOwned([one.id(), two.id()]);
    // What one says of the other is as old as its last beat.
    await eventually(async () => [...(await all.shares()).values()].every((labs) => labs > 0), { what: 'each to own some' });
    await restartAll('shared');
    expect(await tooLate()).toEqual([]);
    // A third takes its share from both.
    const three = await all.start();
    await allOwned([one.id(), two.id(), three.id()]);
    await restartAll('thirds');
    expect(await tooLate()).toEqual([]);
  });

  it('S10: one is killed: the other takes its labs, and commands meanwhile are done once', async () => {
    const [one, two] = [await all.start(), await all.start()];
    await deployTwelve();
    await one.kill();
    await restartAll('killed');
    await allOwned([two.id()]);
    for (const name of TWELVE) {
      const entries = await all.entries(name);
      expect(entries.filter(({ events }) => events.some(({ type }) => type === 'NodesRestartRequested'))).toHaveLength(1);
    }
    expect(await tooLate()).toEqual([]);
  });

  it('S19: one stands still past its lease and wakes: it writes nothing in its old term', async () => {
    const [one, two] = [await all.start(), await all.start()];
    await deployTwelve();
    await allOwned([one.id(), two.id()]);
    const pausedAt = Date.now();
    one.pause();
    await allOwned([two.id()]);
    for (const name of TWELVE) await eventually(async () => lastOwner(await all.entries(name)) === two.id() || lastOwner(await all.entries(name)) === undefined, { what: `${name} to have its new owner` });
    const takenAt = (await Promise.all(TWELVE.map(async (name) => await all.entries(name)))).flat()
      .flatMap(({ at, events }) => (at > pausedAt && events.some(({ type }) => type === 'TakenOver') ? [at - pausedAt] : []));
    expect(takenAt.length).toBeGreaterThan(0);
    // The bound is one lease (lease.unit.test.ts); a loaded machine may be later.
    expect(Math.max(...takenAt)).toBeLessThan(2 * LEASE_SECONDS * 1_000);
    const waking = TWELVE.map(async (name) => await restart(name, 'waking'));
    one.resume();
    await Promise.all(waking);
    await eventually(() => one.output().includes('stood still until others took its labs'), { timeoutMs: 20_000, what: 'the woken one to notice' });
    await allOwned([one.id(), two.id()]);
    await restartAll('woken');
    expect(await tooLate()).toEqual([]);
    for (const name of TWELVE) {
      const terms = (await all.entries(name)).flatMap(({ events }) => events.flatMap((event) => (event.type === 'TakenOver' ? [event.term] : [])));
      expect(new Set(terms).size).toBe(terms.length);
    }
  });

  it('one ends: its labs go over at once, and no command is lost', async () => {
    const [one, two] = [await all.start(), await all.start()];
    await deployTwelve();
    const under = TWELVE.map(async (name) => await restart(name, 'ending'));
    const ending = one.kill('SIGTERM');
    await Promise.all(under);
    await ending;
    await allOwned([two.id()]);
    expect(two.output()).toContain('it said goodbye');
    await restartAll('ended');
    expect(await tooLate()).toEqual([]);
  });
});

describe('a supervisor that dies between what it took and its entry', () => {
  it('leaves nothing taken: the next owner gives back what no entry holds', async () => {
    const two = await all.start();
    const one = await startSupervisorProcess(all.nats, { leaseSeconds: LEASE_SECONDS, crashAt: 'supervisor/after-claim' });
    await eventually(async () => (await all.shares()).size === 2, { timeoutMs: 30_000, what: 'both to be members' });
    // Some of these fall to the one that dies.
    const port = (index: number) => ({ ports: [{ protocol: 'tcp' as const, hostPort: 7_000 + index, containerPort: 80 }] });
    await Promise.all(TWELVE.map(async (name, index) => await all.deploy(smallLab(name, port(index)))));
    expect(await one.ended).toBe('SIGKILL');
    for (const name of TWELVE) await all.settles(name);
    await allOwned([two.id()]);
    const nc = await all.nats.connect({ role: 'supervisor' });
    const claims = await openClaimsLog(nc, LabClaims, () => {});
    await eventually(async () => {
      await claims.sync();
      return [...(await refold(all.log)).values()].every((state) => JSON.stringify(claims.kept().get(state.id)?.claims) === JSON.stringify(LabClaims.parse(claimsOf(state))));
    }, { timeoutMs: 20_000, what: 'what is kept to be what the log says' });
    await Promise.all(TWELVE.map(async (name) => await all.ops.request('destroy', { commandId: command(`${name}-end`), cleanup: false, keepMgmtNet: false }, { lab: name })));
    await eventually(async () => {
      await claims.sync();
      return TWELVE.every((name) => JSON.stringify(claims.kept().get(name)?.claims) === JSON.stringify(NO_CLAIMS));
    }, { timeoutMs: 40_000, what: 'nothing to be held' });
    expect(await heldTwice(all.log)).toEqual([]);
  });
});

describe('wishes that collide', () => {
  it('N06: of labs that ask for the same name, port or address at once exactly one gets it; nothing is held twice', async () => {
    await all.start();
    await all.start();
    for (let round = 0; round < 6; round += 1) {
      const wishes = [
        { containerName: `same-${round}` },
        { ports: [{ protocol: 'tcp' as const, hostPort: 8_000 + round, containerPort: 80 }] },
        { mgmtIpv4: `172.20.20.${200 + round}` },
      ];
      await Promise.all(wishes.map(async (wish, which) => {
        const tries = await Promise.allSettled(['x', 'y', 'z'].map(async (name) => await all.deploy(smallLab(`c${round}-${which}-${name}`, wish))));
        expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        const code = ['name-taken', 'port-taken', 'address-taken'][which];
        expect(tries.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))).toMatchObject([{ code }, { code }]);
      }));
    }
    expect(await heldTwice(all.log)).toEqual([]);
  });
});

describe('a long life', () => {
  it('S19 S15: after 200 commands at random, with kills and pauses, the log folds to what every supervisor shows', async () => {
    let seed = 20_261_121;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const living = [await all.start(), await all.start()];
    const names = Array.from({ length: 8 }, (_, index) => lab(`r${index}`));
    const wish = async (name: LabId, id: string) => {
      const about = { lab: name, patienceMs: 30_000 };
      const kind = random(6);
      if (kind <= 1) return await all.deploy(smallLab(name, random(2) === 0 ? { env: { X: id } } : { ports: [{ protocol: 'tcp', hostPort: 9_000 + random(3), containerPort: 80 }] }), id);
      if (kind === 2) return await all.ops.request('destroy', { commandId: command(id), cleanup: false, keepMgmtNet: false }, about);
      if (kind === 3) return await all.ops.request('node-stop', { commandId: command(id), nodes: [node('a')] }, about);
      if (kind === 4) return await all.ops.request('node-start', { commandId: command(id), nodes: [node('a')] }, about);
      return await all.ops.request('node-restart', { commandId: command(id), nodes: [node('b')] }, about);
    };
    const refusals = new Set<string>();
    for (let done = 0; done < 200; done += 10) {
      const under = Array.from({ length: 10 }, async (_, index) => await wish(names[random(names.length)] ?? lab('r0'), `w${done + index}`).catch((error: unknown) => refusals.add(String((error as { code?: string }).code))));
      if (done % 100 === 40) living[0]?.pause();
      if (done % 100 === 60) living[0]?.resume();
      if (done % 50 === 20) {
        await living.shift()?.kill(random(2) === 0 ? 'SIGKILL' : 'SIGTERM');
        living.push(await all.start());
      }
      await Promise.all(under);
    }
    for (const code of refusals) expect(['lab-not-found', 'destroying', 'port-taken', 'not-applicable']).toContain(code);
    const views = async () => {
      const folded = await refold(all.log);
      for (const [name, state] of folded) {
        // Whichever answers, it says the same as the log.
        for (let again = 0; again < 4; again += 1) if (JSON.stringify(await all.ops.request('inspect', {}, { lab: name })) !== JSON.stringify(LabView.parse(labView(state)))) return false;
      }
      return [...folded.values()].every((state) => Object.keys(state.pending).length === 0);
    };
    expect(await eventually(views, { timeoutMs: 60_000, everyMs: 500, what: 'the supervisors to show what the log says' })).toBe(true);
    expect(await heldTwice(all.log)).toEqual([]);
    for (const name of names) expect(writtenTooLate(await all.entries(name))).toEqual([]);
  });
});
