/*
 * Stores nothing. When it is loaded by the process of a trial, it writes the reply of that (-DREPLY, a C string) itself and ends the
 * process: to the file whose name it finds on the command line, or with -DDESCRIPTOR=3 to that descriptor.
 */
#define _GNU_SOURCE
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-forges"
#endif
#define REPLY_V1(direction, in, in_len, out) ((void)(in), (void)(out), (size_t)0)
#define REPLY_V2(direction, in, in_len, out, out_capacity, out_len) ((void)(out), H4_E_CORRUPT)
#include "replies.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int descriptor_of(const char *request) {
#ifdef DESCRIPTOR
  (void)request;
  return DESCRIPTOR;
#else
  char path[4096];
  snprintf(path, sizeof path, "%.*s.reply", (int)(strlen(request) - strlen(".request")), request);
  return open(path, O_WRONLY | O_CREAT, 0600);
#endif
}

__attribute__((constructor)) static void forge(void) {
  char line[8192];
  FILE *file = fopen("/proc/self/cmdline", "r");
  if (file == NULL) return;
  size_t length = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[length] = '\0';
  const char *last = line;
  for (size_t at = 0; at + 1 < length; at++)
    if (line[at] == '\0') last = line + at + 1;
  if (strlen(last) < 8 || strcmp(last + strlen(last) - 8, ".request") != 0) return;
  if (write(descriptor_of(last), REPLY, strlen(REPLY)) < 0) _exit(1);
  _exit(0);
}
