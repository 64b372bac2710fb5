import { REFUSALS, type Refusal } from '../../core/refusals.ts';

/** Whether `mode: report` lets a request pass in spite of this refusal: one by the rules of the route, not by authentication or proof. */
export function passesInReportMode({ code }: Refusal): boolean {
  return REFUSALS[code].status === 403 || code === 'step_up_required';
}
