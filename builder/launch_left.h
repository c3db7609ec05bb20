/* What a launch that failed has left, for --json; people read it in the message. */
#pragma once

struct arena;
struct buf;
struct launch_options;

/*
 * Appends ,"there":[{"server","what","name","detail"}…]: all that the cloud has under the names of this launch, as
 * "destroy" would find it; null where the cloud cannot be asked, or this was interrupted.
 */
void launch_left_json(const struct launch_options *o, struct arena *a, struct buf *out);
