// How often and how fast a dead process is started again: a pure decision.

export type RestartPolicy = {
  /** A process that dies younger than this died early: it never did its work. */
  readonly healthyAfterMs: number;
  /** Early deaths in a row before giving up; each doubles the delay. */
  readonly maxEarlyDeaths: number;
  /** Deaths of any kind inside the window before giving up. */
  readonly maxDeaths: number;
  readonly windowMs: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
};

export const DEFAULT_RESTART_POLICY: RestartPolicy = {
  healthyAfterMs: 1_000,
  maxEarlyDeaths: 6,
  maxDeaths: 60,
  windowMs: 600_000,
  firstDelayMs: 100,
  maxDelayMs: 10_000,
};

export type Death = {
  readonly atMs: number;
  readonly livedMs: number;
};

export type RestartDecision =
  | { readonly kind: 'restart'; readonly atMs: number; readonly deaths: readonly Death[] }
  | { readonly kind: 'give-up'; readonly why: string; readonly deaths: readonly Death[] };

/** Decides after one more death: restart, with a delay doubled for each early death in a row, or give up. */
export const decideRestart = (earlier: readonly Death[], death: Death, policy: RestartPolicy): RestartDecision => {
  const deaths = [...earlier.filter((one) => one.atMs > death.atMs - policy.windowMs && one.atMs <= death.atMs), death];
  const early = countEarlyInARow(deaths, policy);
  if (early > policy.maxEarlyDeaths) {
    return { kind: 'give-up', why: `it died ${early} times in a row right after its start`, deaths };
  }
  if (deaths.length > policy.maxDeaths) {
    return { kind: 'give-up', why: `it died ${deaths.length} times in ${policy.windowMs / 60_000} minutes`, deaths };
  }
  const delayMs = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.max(0, early - 1));
  return { kind: 'restart', atMs: death.atMs + delayMs, deaths };
};

const countEarlyInARow = (deaths: readonly Death[], policy: RestartPolicy): number => {
  const lastHealthy = deaths.findLastIndex((one) => one.livedMs >= policy.healthyAfterMs);
  return deaths.length - 1 - lastHealthy;
};
