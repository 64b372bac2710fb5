/** What a change means for callers. `unclear` counts as wider. */
export type Effect = 'wider' | 'narrower' | 'unclear';
