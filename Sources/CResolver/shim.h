// The C library's resolver, which Swift's Glibc module leaves out: its state is a macro's worth of
// internals, so that the calls are wrapped here.
#ifndef CRESOLVER_SHIM_H
#define CRESOLVER_SHIM_H
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

// Asks for records of a type, by the rules of /etc/resolv.conf; over TCP when the answer is long.
// Returns the length of the answer, or -1 with the reason (as h_errno) in `failure`. `server` gets
// the address of the first name server; it holds INET6_ADDRSTRLEN bytes.
static inline int resolver_ask(const char *name, int type, unsigned char *answer, int size,
                               int *failure, char *server) {
    struct __res_state state;
    memset(&state, 0, sizeof state);
    server[0] = 0;
    if (res_ninit(&state) != 0) {
        *failure = NO_RECOVERY;
        return -1;
    }
    if (state.nscount > 0 && state.nsaddr_list[0].sin_family == AF_INET)
        inet_ntop(AF_INET, &state.nsaddr_list[0].sin_addr, server, INET6_ADDRSTRLEN);
    int length = res_nsearch(&state, name, ns_c_in, type, answer, size);
    *failure = length < 0 ? state.res_h_errno : 0;
    res_nclose(&state);
    return length;
}

// Reads the record with this number in the answer section as an SRV record; `target` holds
// NS_MAXDNAME bytes. Returns 1 for such a record, 0 for one of another type, -1 when there are no
// more or the message is malformed.
static inline int resolver_srv(const unsigned char *answer, int length, int number, int *priority,
                               int *weight, int *port, char *target) {
    ns_msg message;
    ns_rr record;
    if (ns_initparse(answer, length, &message) != 0) return -1;
    if (number >= ns_msg_count(message, ns_s_an)) return -1;
    if (ns_parserr(&message, ns_s_an, number, &record) != 0) return -1;
    if (ns_rr_type(record) != ns_t_srv) return 0;
    if (ns_rr_rdlen(record) < 7) return -1;
    const unsigned char *data = ns_rr_rdata(record);
    *priority = ns_get16(data);
    *weight = ns_get16(data + 2);
    *port = ns_get16(data + 4);
    if (dn_expand(ns_msg_base(message), ns_msg_end(message), data + 6, target, NS_MAXDNAME) < 0)
        return -1;
    return 1;
}
#endif
