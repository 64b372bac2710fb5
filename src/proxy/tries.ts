import { isRefusal, type Refusal } from '../core/refusals.ts';
import { Attempt } from './attempt.ts';
import type { Forwarding, ForwardObserver, ForwardPlan } from './forwarding.ts';
import { ClientFault } from './request-body.ts';
import type { AnswerHandler, UpstreamRequest } from './sender.ts';
import type { Target, TargetOutcome } from './target.ts';
import type { Upstream } from './upstream.ts';

/** What a request has beside its head. */
export type Sent = Pick<UpstreamRequest, 'body' | 'bodyLength' | 'isHandshake'>;

/** The tries of one request: which address it is at, and whether it may go to another. */
export class Tries {
  readonly attempt = new Attempt();
  readonly #upstream: Upstream;
  readonly #observer: Pick<ForwardObserver, 'asked'>;
  /** Whether the request may reach backends more than once: idempotent and without body. */
  readonly #repeatable: boolean;
  #target: Target | undefined;
  #tried: Target[] | undefined;

  constructor({ upstream, observer }: Pick<Forwarding, 'upstream' | 'observer'>, repeatable: boolean) {
    this.#upstream = upstream;
    this.#observer = observer;
    this.#repeatable = repeatable;
  }

  /** Sends the request to the next address; gives the refusal where there is none. */
  send(
    plan: ForwardPlan,
    { body, bodyLength, isHandshake }: Sent,
    handler: AnswerHandler,
  ): Refusal | undefined {
    const target = this.#upstream.pick(this.#tried);
    if (isRefusal(target)) return target;
    this.#target = target;
    this.#observer.asked(this.#upstream, target.label);
    const { method, headers, timeouts } = plan;
    const { responseMs, idleMs } = timeouts;
    const path = target.prefix + plan.target;
    target.sender.send({ method, path, headers, body, bodyLength, responseMs, idleMs, isHandshake }, handler);
    return undefined;
  }

  /** The address of the present try. */
  get target(): Target | undefined {
    return this.#target;
  }

  /** Tells the address how the try ended, once. */
  settle(outcome: TargetOutcome): void {
    this.#target?.settle(outcome);
    this.#target = undefined;
  }

  /** Settles a try that failed before the head of an answer, and says whether to try again. */
  failed(error: Error): boolean {
    const { attempt } = this;
    const target = this.#target;
    const isLost = !(error instanceof ClientFault) && attempt.isLost(error);
    this.settle(isLost ? 'failed' : 'unknown');
    if (!isLost || (attempt.begun && !this.#repeatable)) return false;
    if (!this.#mayTryAgain(target)) return false;
    attempt.restart();
    return true;
  }

  #mayTryAgain(target: Target | undefined): boolean {
    if (this.attempt.begun && this.attempt.mayRepeat()) return true;
    const { retries } = this.#upstream;
    if (target === undefined || retries === 0 || (this.#tried?.length ?? 0) >= retries) return false;
    this.#tried ??= [];
    this.#tried.push(target);
    return true;
  }
}
