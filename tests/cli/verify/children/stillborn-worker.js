/** A thread that fails before it has begun. */

throw new Error('stillborn');
