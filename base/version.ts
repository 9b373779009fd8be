/**
 * Of everything in this tree; a test holds it to package.json, which is not there to be imported
 * once installed.
 */
export const version = "0.1.0";
