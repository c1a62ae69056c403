/** Filled in by native/bind/similarity.cpp. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface SimilarityBinding {}
