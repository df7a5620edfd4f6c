/** A thread that ends at once. */

export {};
