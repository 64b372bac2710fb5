/** The version of this build; a test holds it to package.json. */
export const VERSION = '0.2.0';
