// Linux calls that Swift's Glibc module leaves out because it is built without _GNU_SOURCE.
// Declared here without their headers, which belong to that module.
#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H
struct pollfd;
struct timespec;

// The flags are O_CLOEXEC and O_NONBLOCK.
int eventfd(unsigned int count, int flags);
int ppoll(struct pollfd *descriptors, unsigned long count, const struct timespec *timeout,
          const void *mask);
int fallocate(int descriptor, int mode, long offset, long length);
int pthread_setname_np(unsigned long thread, const char *name);
// The actions are a posix_spawn_file_actions_t.
int posix_spawn_file_actions_addclosefrom_np(void *actions, int first);
#endif
