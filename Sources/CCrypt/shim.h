// Debian's libxcrypt: bcrypt for passwords.
#include <crypt.h>
