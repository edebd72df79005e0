//  The file of `pub-key`: a key, or a certificate that vouches for one.

import SwiftASN1
import X509

enum PublicKeyFile {
    /// The key alone, in PEM. Text without a certificate in front comes back as it is.
    ///
    /// - Throws: when there is a certificate that cannot be read.
    static func key(in pem: String) throws -> String {
        guard let first = try? PEMDocument.parseMultiple(pemString: pem).first,
            first.discriminator == Certificate.defaultPEMDiscriminator
        else { return pem }
        return try Certificate(pemDocument: first).publicKey.serializeAsPEM().pemString
    }
}
